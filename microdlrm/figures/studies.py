"""Figures of what the studies came to, for the chapters that share them."""

from microdlrm.figures.style import NEUTRAL, TOP, canvas, rows, show

SHORT = {
    "logistic regression, 16 features and the neighbours": "the stack",
    "gradient boosting, 16 features": "boosting",
    "matrix factorisation": "factorisation",
}
METRICS = {"logloss": "logloss\nsaved, nats", "auc within users": "AUC within users\ngained"}


def leads(splits, pairs):
    """Who leads whom, split by split, with 95% intervals over users.

    splits  `studies.load("splits")`
    pairs   (model, over) names
    """
    n = splits["split"].nunique()
    fig, axes = canvas(columns=2, height=0.16 * n * len(pairs) + 1.3, sharey=True)
    said, points = [], {}
    for panel, (ax, metric) in enumerate(zip(axes, METRICS, strict=True)):
        gained = METRICS[metric].replace("\n", " ")
        for k, (model, over) in enumerate(pairs):
            lines = splits.query("model == @model and over == @over and metric == @metric")
            lines = lines.sort_values("split")
            for j, line in enumerate(lines.itertuples()):
                y = k + (j - (n - 1) / 2) * 0.7 / n
                point, interval = f"lead-{panel}-{k}-{j}", f"part-{panel}-{k}-{j}"
                ax.plot([line.low, line.high], [y, y], color=TOP, lw=1.5, gid=interval)
                ax.plot(line.gain, y, "o", color=TOP, ms=4, gid=point)
                says = f"Split {line.split}, {model} over {over}, {gained}: "
                says += f"{line.gain:+.4f}, from {line.low:+.4f} to {line.high:+.4f}."
                points[point] = says, [interval, f"lead-{1 - panel}-{k}-{j}"]
            ends = f"{lines['gain'].min():+.4f} to {lines['gain'].max():+.4f}"
            said.append(f"{model} over {over}, {gained}: {ends}")
        ax.axvline(0, color=NEUTRAL, ls=":")
        ax.set(xlabel=METRICS[metric])
        ax.locator_params(axis="x", nbins=4)
        ax.grid(axis="y", visible=False)
    rows(axes[0], [f"{SHORT.get(a, a)}\nover {SHORT.get(b, b)}" for a, b in pairs])
    return show(
        fig,
        f"Who leads whom on {n} splits, a line a split, with 95% intervals that draw users. "
        "Right of the dotted line the first-named is better.",
        f"Two plots of intervals. {'; '.join(said)}.",
        points,
    )
