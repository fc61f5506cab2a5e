"""Figures of what the studies came to, for the chapters that share them."""

from microdlrm.figures.style import NEUTRAL, TOP, canvas, show

SHORT = {
    "logistic regression, 16 features and the neighbours": "the stack",
    "gradient boosting, 16 features": "boosting",
    "matrix factorisation": "factorisation",
}
SAYS = {
    "logloss": "logloss saved, nats",
    "auc": "AUC gained",
    "auc within users": "AUC within users gained",
}


def leads(splits, pairs, metrics=("logloss", "auc within users")):
    """Who leads whom, split by split, with 95% intervals over users; `splits` is
    `studies.load("splits")`.

    pairs  (model, over) names
    """
    seeds = sorted(splits["split"].unique())
    fig, axes = canvas(
        columns=len(metrics), height=0.16 * len(seeds) * len(pairs) + 1.3, sharey=True
    )
    said, points = [], {}
    for panel, (ax, metric) in enumerate(zip(axes, metrics, strict=True)):
        for k, (model, over) in enumerate(pairs):
            lines = splits[
                (splits["model"] == model) & (splits["over"] == over) & (splits["metric"] == metric)
            ]
            for j, (_, line) in enumerate(lines.sort_values("split").iterrows()):
                y = k + (j - (len(seeds) - 1) / 2) * 0.7 / len(seeds)
                low, high = line["low"], line["high"]
                point, interval = f"lead-{panel}-{k}-{j}", f"part-{panel}-{k}-{j}"
                elsewhere = [
                    f"lead-{other}-{k}-{j}" for other in range(len(metrics)) if other != panel
                ]
                ax.plot([low, high], [y, y], color=TOP, lw=1.5, gid=interval)
                ax.plot(line["gain"], y, "o", color=TOP, ms=4, gid=point)
                says = f"Split {line['split']}, {model} over {over}, {SAYS[metric]}: "
                says += f"{line['gain']:+.4f}, from {low:+.4f} to {high:+.4f}."
                points[point] = says, [interval, *elsewhere]
            values = lines["gain"]
            said.append(
                f"{model} over {over}, {SAYS[metric]}: {values.min():+.4f} to {values.max():+.4f}"
            )
        ax.axvline(0, color=NEUTRAL, ls=":")
        ax.set(xlabel=SAYS[metric].replace(" gained", "\ngained").replace(" saved", "\nsaved"))
        ax.locator_params(axis="x", nbins=4)
        ax.grid(axis="y", visible=False)
    axes[0].set(
        yticks=range(len(pairs)),
        yticklabels=[f"{SHORT.get(a, a)}\nover {SHORT.get(b, b)}" for a, b in pairs],
    )
    axes[0].invert_yaxis()
    return show(
        fig,
        f"Who leads whom on {len(seeds)} splits, a line a split, with 95% intervals that draw "
        "users. "
        "Right of the dotted line the first-named is better.",
        f"{len(metrics)} plots of intervals. {'; '.join(said)}.",
        points,
    )
