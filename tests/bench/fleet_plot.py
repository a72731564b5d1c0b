"""Draws how a fleet's cost grows: operations and CPU of Redis over relays, accounts and traffic."""
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot, ticker

VARIABLES = {
    "relays": ("relays", 1),
    "accounts": ("accounts", 1),
    "relay_bit_s": ("Gbit/s of each relay", 1e-9),
}
FIGURES = {
    "operations_per_s": ("Redis operations per second", 1, "tab:blue"),
    "redis_cpu": ("Redis CPU, % of one core", 100, "tab:red"),
}


def others(variable, point):
    """What a column's points have in common."""
    fixed = {
        "relays": f"{point['relays']} relays",
        "accounts": f"{point['accounts']:,} accounts",
        "relay_bit_s": f"{point['relay_bit_s'] / 1e9:g} Gbit/s each",
    }
    return ", ".join(text for name, text in fixed.items() if name != variable)


def plain_numbers(axis):
    axis.set_major_locator(ticker.LogLocator(subs=(1, 3)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_locator(ticker.NullLocator())


def draw(grown, path):
    """`grown` is fleet_cost.growth()'s."""
    figure, rows = pyplot.subplots(len(FIGURES), len(VARIABLES), figsize=(11, 6), sharex="col",
                                   sharey="row", layout="constrained")
    for axes_of_row, (name, (label, scale, color)) in zip(rows, FIGURES.items()):
        for axes, (variable, (x_label, x_scale)) in zip(axes_of_row, VARIABLES.items()):
            each = grown[variable]
            factor, exponent = each["fits"][name]
            xs = [point[variable] for point in each["points"]]
            ends = [min(xs), max(xs)]
            axes.plot([x * x_scale for x in ends], [factor * x ** exponent * scale for x in ends],
                      color="0.6", zorder=1, label=f"fit: grows as x$^{{{exponent:.2f}}}$")
            axes.scatter([x * x_scale for x in xs], [p[name] * scale for p in each["points"]],
                         color=color, zorder=2, label="measured")
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.grid(True, which="major", color="0.9")
            axes.legend(loc="lower right", fontsize=9, frameon=False)
            if name == next(iter(FIGURES)):
                axes.set_title(others(variable, each["points"][0]), fontsize=9)
            if name == list(FIGURES)[-1]:
                axes.set_xlabel(x_label)
            plain_numbers(axes.xaxis)
        axes_of_row[0].set_ylabel(label)
        axes_of_row[0].margins(y=0.15)
        plain_numbers(axes_of_row[0].yaxis)
    figure.align_ylabels()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
