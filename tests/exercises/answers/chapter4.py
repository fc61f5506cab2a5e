"""Answers to chapter 4's exercises as learners write them, right and wrong."""

# ruff: noqa


from answers import right, wrong


@right("interaction_width")
def iw_sum(n_tables, m_spa, d, kind):
    return d + (sum(range(n_tables + 1)) if kind == "dot" else n_tables * m_spa)


@right("interaction_width")
def width(n_tables, m_spa, d, kind):
    n = 1 + n_tables
    return d + n * (n - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("interaction_width")
def tables_only(n_tables, m_spa, d, kind):
    return d + n_tables * (n_tables - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("interaction_width")
def iw_no_half(n_tables, m_spa, d, kind):
    return d + (n_tables * m_spa if kind == "concat" else (n_tables + 1) * n_tables)


@wrong("interaction_width")
def with_diagonal(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n + 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("interaction_width")
def squared(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * n if kind == "dot" else d + n_tables * m_spa


@wrong("interaction_width")
def only_the_pairs(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return n * (n - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("interaction_width")
def true_division(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n - 1) / 2 if kind == "dot" else d + n_tables * m_spa


@wrong("interaction_width")
def dense_as_table(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n - 1) // 2 if kind == "dot" else n * m_spa


@wrong("interaction_width")
def iw_d_counts_as_table(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return n * m_spa if kind == "concat" else m_spa + n * (n - 1) // 2
