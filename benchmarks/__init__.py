"""Times, sizes and memory of the product on a filled database, beside a bare page of the same rows.

`python -m benchmarks` builds the demo of 100,000 counterparties on SQLite and on PostgreSQL, measures both, and
writes docs/performance.md; `--quick` does the same in small and prints it.
"""
