"""Every CSV file named on the command line, read by two readers that aren't ours: to the same table, and safe to open.

Python's `csv` and DuckDB must find the same header and cells; lines end in CRLF; there is no byte order mark, and no
cell holds a control character or begins like a formula.

Usage: check_csv.py file.csv.gz...   (exit 1 where a file fails, 2 where none is named)
"""

import csv
import gzip
import sys
import unicodedata

import duckdb

FORMULA = tuple("=+@\t\r＝＋－＠")
UNSAFE = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def is_number(cell):
    return cell.lstrip("-").isdigit()


def unsafe(cell):
    if cell.startswith(FORMULA) or (cell.startswith("-") and not is_number(cell)):
        return "begins like a formula"
    if any(unicodedata.category(character) in UNSAFE for character in cell):
        return "holds a control character"
    return None


def duckdb_rows(path):
    relation = duckdb.sql(
        "SELECT * FROM read_csv(?, header=true, all_varchar=true, auto_detect=false, delim=',', quote='\"',"
        " escape='\"', new_line='\\r\\n', columns=?)",
        params=[path, {name: "VARCHAR" for name in header_of(path)}],
    )
    return [["" if cell is None else cell for cell in row] for row in relation.fetchall()]


def text_of(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return file.read()


def header_of(path):
    return next(csv.reader([text_of(path).split("\r\n", 1)[0]]))


def check(path):
    text = text_of(path)
    faults = []
    if text.startswith("\ufeff"):
        faults.append("begins with a byte order mark")
    if not text.endswith("\r\n") or text.count("\n") != text.count("\r\n") or text.count("\r") != text.count("\r\n"):
        faults.append("has lines that don't end in CRLF")
    header, *rows = csv.reader(text.splitlines(keepends=True), strict=True)
    if header[0] != "row_id" or header[-1] != "tlp":
        faults.append("doesn't begin with row_id and end with tlp")
    if any(len(row) != len(header) for row in rows):
        faults.append("has rows of another width than the header")
    if rows != duckdb_rows(path):
        faults.append("is another table to DuckDB than to Python")
    for row in rows:
        faults += [f"{name}: {cell!r} {why}" for name, cell in zip(header, row) if (why := unsafe(cell))]
    print(f"{'ok' if not faults else 'FAIL'} {path}: {len(rows)} rows, {len(header)} columns")
    for fault in faults[:20]:
        print(f"  {fault}")
    return not faults


if __name__ == "__main__":
    paths = sys.argv[1:]
    if not paths:
        sys.exit(2)
    sys.exit(0 if all([check(path) for path in paths]) else 1)
