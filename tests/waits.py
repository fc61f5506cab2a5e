"""What a model waits for, on paper."""


def most(predicted):
    """What a forward pass waits for most, by `cost.predict`: "dispatch", "memory" or "compute"."""
    roof = predicted[["compute", "memory"]]
    waits = roof.max(axis=1).groupby(roof.idxmax(axis=1)).sum()
    waits["dispatch"] = predicted["dispatch"].sum()
    return waits.idxmax()
