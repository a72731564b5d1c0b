"""What a fleet costs its Redis and a relay's broker thread: simulated relays with real exchanges against a
real server, as many exchanges as one core takes, one real broker, and how it all grows."""
import json
import math
import random
import subprocess

import relay
from subjects import Failed, note

FLEET_BENCH = relay.BUILD / "bin/fleet-bench"
PICTURE = relay.BUILD / "bench/fleet.png"
BIT_S = 1e9  # of each relay
RUN_S_MAX = 600

# What is varied, all else being as for 100 relays and the accounts that were asked for.
GROWTH_RELAYS = 100
GROWTH = {
    "relays": (10, 30, 100, 300),
    "accounts": (100, 1_000, 10_000),
    "relay_bit_s": (1e8, 3e8, 1e9),
}
QUICK_GROWTH = {"relays": (10, 30, 100), "accounts": (100, 10_000), "relay_bit_s": (1e8, 1e9)}
GROWING = ("operations_per_s", "redis_cpu")
# A relay that has a thousand accounts with calls carries about as much of the traffic mix.
BROKER_BIT_S = 1.15e10
BROKER_ACCOUNTS_MIN = 1_000

FLEET_FIGURES = (
    "relays", "accounts", "seconds", "relayed_tbit_s", "live_calls", "calls_per_s",
    "mb_per_operation", "operations_per_s", "operations_per_gb", "redis_octets_per_gb",
    "redis_cpu", "redis_children_cpu", "redis_memory_octets", "tbit_s_per_redis_core",
    "exchange_us_p50", "exchange_us_p99", "grant_us_p99", "simulator_cpu", "simulator_lag_ms_p99",
)

GOALS = {
    "mb_per_operation": {"min": 50},
    "tbit_s_per_redis_core": {"min": 1},
    "broker_thread_percent": {"max": 1},
}


def arguments(parser):
    parser.add_argument("--seconds", type=float, default=60.0, help="of the measurement of the fleet")
    parser.add_argument("--relays", type=int, default=1_000)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true",
                        help="shorter, and a smaller fleet unless --relays says how large")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))


def run(job, may_be_late=False, **options):
    """The figures of one run; what makes them meaningless is an error."""
    words = [word for name, value in options.items()
             for word in (f"--{name.replace('_', '-')}", str(value))]
    done = subprocess.run([str(FLEET_BENCH), job, *words], stdout=subprocess.PIPE, text=True,
                          timeout=RUN_S_MAX, preexec_fn=relay.die_with_parent)
    if done.returncode != 0:
        raise Failed(f"fleet-bench {job} {' '.join(words)} ended with {done.returncode}")
    figures = json.loads(done.stdout)
    if figures.get("problem"):
        raise Failed(f"fleet-bench {job} {' '.join(words)}: {figures['problem']}")
    if figures.get("late") and not may_be_late:
        raise Failed(f"fleet-bench {job} {' '.join(words)}: the simulator was late by "
                     f"{figures['simulator_lag_ms_p99']:.0f} ms (p99): the machine is busy or too slow")
    return figures


def fleet(relays, accounts, bit_s, seconds, warmup, seed):
    figures = run("fleet", relays=relays, accounts=accounts, rate=bit_s, seconds=seconds,
                  warmup=warmup, spread=warmup / 2, seed=seed)
    note(f"{relays} relays, {accounts} accounts, {figures['relayed_tbit_s']:.4f} Tbit/s: "
         f"{figures['operations_per_s']:,.0f} operations/s, "
         f"{figures['mb_per_operation']:.1f} MB each, Redis {figures['redis_cpu']:.1%} of a core, "
         f"exchange p99 {figures['exchange_us_p99'] / 1e3:.1f} ms, "
         f"simulator {figures['simulator_cpu']:.0%} of a core")
    return figures


def saturation(seconds, seed):
    single = run("saturation", seconds=seconds, warmup=2, reports=1, seed=seed)
    batch = run("saturation", seconds=seconds, warmup=2, reports=16, seed=seed)
    # By what the server computed: what else the machine did meanwhile is not its.
    single_max, batch_max = (each["exchanges_per_s_per_core"] for each in (single, batch))
    half = run("saturation", seconds=seconds, warmup=2, reports=1, seed=seed,
               exchanges_per_s=single_max / 2)
    note(f"one core takes {single_max:,.0f} exchanges/s of one report, {batch_max:,.0f} of sixteen; "
         f"p99 at half of that {half['exchange_us_p99'] / 1e3:.2f} ms")
    return {
        "exchanges_per_s_per_core": round(single_max),
        "exchanges_of_16_reports_per_s_per_core": round(batch_max),
        "reports_per_s_per_core": round(16 * batch_max),
        "redis_cpu_when_saturated": round(single["redis_cpu"], 3),
        "exchange_us_p99_at_half": round(half["exchange_us_p99"]),
    }


def broker(relays, accounts, seconds, seed):
    figures = run("broker", relays=relays, accounts=accounts, rate=BROKER_BIT_S, seconds=seconds,
                  warmup=12, spread=10, seed=seed)
    note(f"broker thread in a fleet of {relays}: {figures['broker_thread_percent']:.2f} % of a core "
         f"with {figures['active_accounts']} active accounts, "
         f"{figures['broker_thread_percent_idle']:.2f} % idle")
    return figures


def power_law(points):
    """(factor, exponent) of y = factor * x ** exponent, least squares on the logarithms."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    exponent = sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread
    return math.exp(mean_y - exponent * mean_x), exponent


def growth(options, seconds, warmup, main):
    """{variable: {"points": [figures], "fits": {figure: (factor, exponent)}}}"""
    steps = QUICK_GROWTH if options.quick else GROWTH
    known = {}
    grown = {}
    for variable, values in steps.items():
        points = []
        for value in values:
            at = {"relays": GROWTH_RELAYS, "accounts": options.accounts, "relay_bit_s": BIT_S,
                  variable: value}
            key = tuple(at.values())
            if key not in known:
                known[key] = fleet(at["relays"], at["accounts"], at["relay_bit_s"], seconds, warmup,
                                   options.seed)
            points.append(known[key])
        if variable == "relays" and main["relays"] > max(values):
            points.append(main)
        grown[variable] = {
            "points": points,
            "fits": {figure: power_law([(p[variable], p[figure]) for p in points])
                     for figure in GROWING},
        }
    return grown


def rounded(figures, names):
    return {name: float(f"{figures[name]:.4g}") for name in names}


def measure(options):
    if options.quick and options.relays == 1_000:
        options.relays = GROWTH_RELAYS
    seconds, warmup = (min(options.seconds, 15.0), 20) if options.quick else (options.seconds, 70)
    note(f"seed {options.seed}")
    main = fleet(options.relays, options.accounts, BIT_S, seconds, warmup, options.seed)
    at_most = saturation(3 if options.quick else 8, options.seed)
    broker_s = 10 if options.quick else 20
    alone = broker(1, options.accounts, broker_s, options.seed)
    among = broker(options.relays, options.accounts, broker_s, options.seed)
    if among["active_accounts"] < min(BROKER_ACCOUNTS_MIN, options.accounts / 10):
        raise Failed(f"only {among['active_accounts']} accounts of the broker were active")
    grown = growth(options, 10 if options.quick else 16, 16 if options.quick else 25, main)
    import fleet_plot  # here, as matplotlib is large and nobody else needs it
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    fleet_plot.draw(grown, PICTURE)
    note(f"the picture: {PICTURE}")
    return {
        **rounded(main, FLEET_FIGURES),
        "operations_per_s_by_kind": {
            kind: round(each["per_s"], 1) for kind, each in main["operations"].items()},
        "accounts_in_exchanges_per_s": {
            name: round(value, 1) for name, value in main["asked"].items()},
        **at_most,
        "broker_thread_percent": round(among["broker_thread_percent"], 3),
        "broker_thread_percent_idle": round(among["broker_thread_percent_idle"], 3),
        "broker_thread_percent_without_fleet": round(alone["broker_thread_percent"], 3),
        "broker_active_accounts": among["active_accounts"],
        "broker_gbit_s": round(among["gbit_s"], 2),
        "growth_exponents": {
            variable: {figure: round(fit[1], 3) for figure, fit in each["fits"].items()}
            for variable, each in grown.items()},
        "growth": {
            variable: [rounded(point, (variable, *GROWING)) for point in each["points"]]
            for variable, each in grown.items()},
        "picture": str(PICTURE),
        "seed": options.seed,
    }
