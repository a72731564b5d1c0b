"""How many iceServers requests per second the API answers, against evhttp that says hello."""
import contextlib
import pathlib
import random
import statistics
import subprocess
import tempfile

import api
import relay
import subjects
from subjects import Failed, note

CONNECTIONS = 32
WARM_UP_S = 1

GOALS = {
    "requests_ratio_vs_hello": {"min": 0.5},
    "requests_ratio_vs_hello_tls": {"min": 0.5},
}


def arguments(parser):
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="of the order within the rounds")


@contextlib.contextmanager
def hello_server(answer_octets, prefix):
    """The URLs of a server without and with TLS, whose answers are as long."""
    with tempfile.TemporaryDirectory(prefix="turnbroker-hello-") as holder:
        files = api.make_certificate(pathlib.Path(holder))
        server = subprocess.Popen(
            [*prefix, str(relay.BUILD / "bin/hello-server"), str(answer_octets), *map(str, files)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=relay.die_with_parent)
        try:
            ports = server.stdout.readline().split()
            if len(ports) != 2:
                raise Failed("hello-server does not start")
            yield f"http://127.0.0.1:{ports[0]}", f"https://127.0.0.1:{ports[1]}"
        finally:
            server.communicate(timeout=30)


def measure(options):
    order = random.Random(options.seed)
    note(f"{options.rounds} rounds, seed {options.seed}")
    server_pin, load_pin = subjects.cores()
    subject = api.ApiSubject()
    with subject.running(server_pin):
        octets = api.one_answer(subject.url())
        with hello_server(octets, server_pin) as hello:
            urls = {"api": subject.url(), "api_tls": subject.url(tls=True),
                    "hello": hello[0], "hello_tls": hello[1]}
            rates = {name: [] for name in urls}
            p99s = {name: [] for name in urls}
            for name, url in urls.items():
                api.ask_at_full_speed(url, WARM_UP_S, CONNECTIONS, load_pin)
            for number in range(options.rounds):
                names = list(urls)
                order.shuffle(names)
                for name in names:
                    rate, p99 = api.ask_at_full_speed(
                        urls[name], options.seconds, CONNECTIONS, load_pin)
                    rates[name].append(rate)
                    p99s[name].append(p99)
                note(f"round {number + 1}: " + ", ".join(
                    f"{name} {rates[name][-1]:,.0f}/s p99 {p99s[name][-1]} us" for name in urls))

    def ratio(ours, other):
        return round(statistics.median(a / b for a, b in zip(rates[ours], rates[other])), 4)

    return {
        **{f"requests_per_s_{name}": round(statistics.median(v)) for name, v in rates.items()},
        **{f"p99_us_{name}": round(statistics.median(v)) for name, v in p99s.items()},
        "requests_ratio_vs_hello": ratio("api", "hello"),
        "requests_ratio_vs_hello_tls": ratio("api_tls", "hello_tls"),
        "answer_octets": octets,
        "connections": CONNECTIONS,
        "rounds": options.rounds,
        "seed": options.seed,
    }
