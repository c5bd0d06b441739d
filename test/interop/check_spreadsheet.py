"""Compares a CSV file with the workbook that a spreadsheet made of it: same rows, no formula, texts as they were.

Usage: check_spreadsheet.py file.csv.gz file.xlsx   (exit 1 where they differ)
"""

import csv
import gzip
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def strings_of(workbook):
    if "xl/sharedStrings.xml" not in workbook.namelist():
        return []
    root = ElementTree.fromstring(workbook.read("xl/sharedStrings.xml"))
    return ["".join(part.text or "" for part in item.iter(f"{NAMESPACE}t")) for item in root.iter(f"{NAMESPACE}si")]


def column_of(reference):
    number = 0
    for letter in re.match(r"[A-Z]+", reference).group():
        number = number * 26 + ord(letter) - 64
    return number - 1


def sheet_of(path):
    with zipfile.ZipFile(path) as workbook:
        strings = strings_of(workbook)
        root = ElementTree.fromstring(workbook.read("xl/worksheets/sheet1.xml"))
    if next(root.iter(f"{NAMESPACE}f"), None) is not None:
        sys.exit("FAIL: the workbook holds a formula")
    rows = []
    for row in root.iter(f"{NAMESPACE}row"):
        cells = {}
        for cell in row.iter(f"{NAMESPACE}c"):
            value = cell.find(f"{NAMESPACE}v")
            if value is not None:
                cells[column_of(cell.get("r"))] = strings[int(value.text)] if cell.get("t") == "s" else value.text
        rows.append(cells)
    return rows


def main():
    source, workbook = sys.argv[1:]
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        expected = list(csv.reader(file))
    found = sheet_of(workbook)
    if len(found) != len(expected):
        sys.exit(f"FAIL: {len(found)} rows in the workbook, {len(expected)} in the file")
    texts = 0
    for want, got in zip(expected, found):
        for column, cell in enumerate(want):
            # Numbers and instants become the spreadsheet's own; every other text must be there as it was written.
            if cell == "" or re.fullmatch(r"[-0-9.TZ:]+", cell):
                continue
            texts += 1
            if got.get(column) != cell:
                sys.exit(f"FAIL: {cell!r} became {got.get(column)!r}")
    print(f"ok {source}: {len(found)} rows, {texts} texts as written, no formula")


if __name__ == "__main__":
    main()
