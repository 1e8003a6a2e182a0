"""Pictures, as SVG: accuracy against sparsity and speed; the load of experts, layer by layer."""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402
import matplotlib.ticker  # noqa: E402

INK, GRID, MAIN, SECOND = "#333333", "#e6e6e6", "#1f5f8b", "#c8553d"
STYLE = {"font.family": "DejaVu Sans", "font.size": 9, "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK,
         "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID,
         "axes.axisbelow": True, "lines.linewidth": 1.6, "lines.markersize": 4, "svg.hashsalt": "ds", "svg.fonttype": "none", "figure.constrained_layout.use": True}


def save(figure, out):
    figure.savefig(out, metadata={"Date": None, "Creator": "ds"})  # the same figures give the same file
    pyplot.close(figure)


def percent_axis(axis):
    axis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=None))


def draw_sweep(result, out):
    """Left: the metric with its interval over sparsity. Right: the same over speed."""
    rows = [row for row in result["rows"] if row["level"] is not None]
    dense = next(row for row in result["rows"] if row["level"] is None)
    name = result["metric"]
    values = [[row["metrics"][name][i] for row in rows] for i in range(3)]
    figure, axes = pyplot.subplots(1, 2, figsize=(8.4, 3.4), sharey=True)
    for ax, key, label in zip(axes, ("sparsity", "speedup"), ("sparsity (features closed)", "speed, dense = 1")):
        at = [row[key] for row in rows]
        if key == "sparsity":
            ax.fill_between(at, values[1], values[2], color=MAIN, alpha=0.15, linewidth=0, label="95% interval")
            percent_axis(ax.xaxis)
        ax.plot(at, values[0], "o-", color=MAIN, label="gated")
        ax.axhline(dense["metrics"][name][0], color=SECOND, linestyle=(0, (4, 3)), linewidth=1.2, label="dense")
        ax.set_xlabel(label)
        percent_axis(ax.yaxis)
    for row in rows[len(rows) // 2:]:  # the others lie close together
        axes[1].annotate(f"{row['level']:.0%}", (row["speedup"], row["metrics"][name][0]), textcoords="offset points", xytext=(5, 4), fontsize=7)
    axes[1].axvline(1, color=SECOND, linestyle=(0, (4, 3)), linewidth=1.2)
    axes[0].set_ylabel(name)
    axes[0].legend(frameon=False, loc="lower left")
    figure.suptitle(f"{result['model']}: {result['task']} by sparsity and speed, threads: {result['threads']}", fontsize=10)
    save(figure, out)


def short(node, most=60):
    """A layer's first ONNX node, without its quotes and operator."""
    name = node.split("'")[1] if node.count("'") > 1 else node
    return name if len(name) <= most else "..." + name[3 - most:]


def draw_experts(sites, out):
    """A row of bars per layer: the load of each expert over the mean (1: even)."""
    figure, axes = pyplot.subplots(len(sites), 1, figsize=(8.4, 0.5 + 1.05 * len(sites)), squeeze=False)
    for ax, site in zip(axes[:, 0], sites):
        load = [rows * len(site["rows"]) / max(1, sum(site["rows"])) for rows in site["rows"]]
        ax.bar(range(len(load)), load, width=0.8, color=MAIN)
        ax.axhline(1, color=SECOND, linestyle=(0, (4, 3)), linewidth=1.2)
        ax.set_title(f"{short(site['node'])}: std/mean {site['balance']:.2f}, entropy {site['entropy']:.3f}", fontsize=8, loc="left")
        ax.set_xlim(-0.6, len(load) - 0.4)
        ax.grid(axis="x", visible=False)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[-1, 0].set_xlabel("expert")
    figure.supylabel("load / mean", fontsize=9)
    save(figure, out)


def draw(result, out):
    with pyplot.rc_context(STYLE):
        if "rows" in result:
            draw_sweep(result, out)
        elif result.get("experts"):
            draw_experts(result["experts"], out)
        else:
            sys.exit("eval: neither what `sweep -o` wrote nor `ds-run --stats --json` of a model with experts")


def plot(results, out):
    """The last line counts: `ds-run` may have printed others."""
    draw(json.loads(pathlib.Path(results).read_text().strip().splitlines()[-1]), out)
