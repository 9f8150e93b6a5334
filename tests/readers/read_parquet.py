# SPDX-License-Identifier: Apache-2.0
"""Reads Parquet files whole, with pyarrow and with DuckDB, page checksums
verified where the reader can. digest() is the same for the same values, and
read_parquet.js --digest prints it, too."""

import datetime
import hashlib
import struct

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def read_arrow(path):
    return pq.ParquetFile(path, page_checksum_verification=True)


def rows(path):
    """As pyarrow reads them; maps are lists of entries."""
    file = read_arrow(path)
    table = file.read()
    return [
        {n: plain(v, t) for n, v, t in zip(table.column_names, row, table.schema.types)}
        for row in zip(*(column.to_pylist() for column in table.columns))
    ], file.metadata.metadata


def plain(value, kind):
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [
            {"key": plain(k, kind.key_type), "value": plain(v, kind.item_type)}
            for k, v in value
        ]
    if pa.types.is_list(kind):
        return [plain(v, kind.value_type) for v in value]
    if pa.types.is_struct(kind):
        return {f.name: plain(value[f.name], f.type) for f in kind}
    return value


def canonical(value, kind):
    if value is None:
        return "n"
    if pa.types.is_map(kind):
        entries = sorted(
            (text_of(k).encode().hex(), canonical(v, kind.item_type)) for k, v in value
        )
        return "m[" + ",".join(f"{k}:{v}" for k, v in entries) + "]"
    if pa.types.is_list(kind):
        return "[" + ",".join(canonical(v, kind.value_type) for v in value) + "]"
    if pa.types.is_struct(kind):
        return "[" + ",".join(canonical(value[f.name], f.type) for f in kind) + "]"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, datetime.datetime):
        return f"i{(value - EPOCH) // datetime.timedelta(microseconds=1)}"
    if isinstance(value, float):
        return "dnan" if value != value else "d" + struct.pack(">d", value).hex()
    return "b" + (value if isinstance(value, bytes) else value.encode()).hex()


def text_of(key):
    return str(key).lower() if isinstance(key, bool) else str(key)


def digest(table):
    total = hashlib.sha256()
    for row in zip(*(column.to_pylist() for column in table.columns)):
        values = (canonical(v, t) for v, t in zip(row, table.schema.types))
        total.update(("[" + ",".join(values) + "]").encode())
    return total.hexdigest()


def digest_of_arrow(path):
    return digest(read_arrow(path).read())


def digest_of_duckdb(path):
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        table = db.read_parquet(str(path)).to_arrow_table()
    return digest(table)
