"""Chapter 4's exercises, as learners write them."""

# ruff: noqa
from mistakes import wrong


@wrong("dense vector not counted among the pairs", "1 + n_tables", "interaction_width")
def tables_only(n_tables, m_spa, d, kind):
    return d + n_tables * (n_tables - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("diagonal kept", "itself", "interaction_width")
def with_diagonal(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n + 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("the whole matrix", "all n × n", "interaction_width")
def squared(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * n if kind == "dot" else d + n_tables * m_spa


@wrong("dense vector missing", "d numbers", "interaction_width")
def only_the_pairs(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return n * (n - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("a float where a whole number is due", "//", "interaction_width")
def true_division(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n - 1) / 2 if kind == "dot" else d + n_tables * m_spa


@wrong("dense vector taken for a table", "d wide", "interaction_width")
def dense_as_table(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n - 1) // 2 if kind == "dot" else n * m_spa


@wrong("nothing returned", "return", "interaction_width")
def misspelt_kind(n_tables, m_spa, d, kind):
    n = n_tables + 1
    if kind == "concatenate":
        return d + n_tables * m_spa
    if kind == "dots":
        return d + n * (n - 1) // 2
