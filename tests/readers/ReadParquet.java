// SPDX-License-Identifier: Apache-2.0
// ReadParquet FILE...: reads Parquet files whole with parquet-java, checksums of
// pages verified, and prints for each what read_parquet.py's digest() gives, or
// what is wrong with it.

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.parquet.HadoopReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.IntLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.MapLogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;

public final class ReadParquet {
    private static final HexFormat HEX = HexFormat.of();

    private ReadParquet() {}

    private static boolean isUnsigned(LogicalTypeAnnotation kind) {
        return kind instanceof IntLogicalTypeAnnotation && !((IntLogicalTypeAnnotation) kind).isSigned();
    }

    /** A value of a primitive type, whose text is that of the value alone. */
    private static String text(Group group, int field, int index, Type type) {
        switch (type.asPrimitiveType().getPrimitiveTypeName()) {
            case BOOLEAN:
                return Boolean.toString(group.getBoolean(field, index));
            case INT32:
                return Integer.toString(group.getInteger(field, index));
            case INT64:
                long value = group.getLong(field, index);
                return isUnsigned(type.getLogicalTypeAnnotation())
                        ? Long.toUnsignedString(value) : Long.toString(value);
            default:
                return group.getBinary(field, index).toStringUsingUTF8();
        }
    }

    private static String ofDouble(double value) {
        return Double.isNaN(value) ? "dnan"
                : "d" + HEX.toHexDigits(Double.doubleToRawLongBits(value));
    }

    private static String primitive(Group group, int field, int index, Type type) {
        switch (type.asPrimitiveType().getPrimitiveTypeName()) {
            case BOOLEAN:
                return group.getBoolean(field, index) ? "t" : "f";
            case FLOAT:
                return ofDouble(group.getFloat(field, index));
            case DOUBLE:
                return ofDouble(group.getDouble(field, index));
            case BINARY:
                return "b" + HEX.formatHex(group.getBinary(field, index).getBytes());
            default:
                return "i" + text(group, field, index, type);
        }
    }

    private static String list(Group group, Type type) {
        Type element = type.asGroupType().getType(0).asGroupType().getType(0);
        List<String> values = new ArrayList<>();
        for (int i = 0; i < group.getFieldRepetitionCount(0); i++) {
            values.add(value(group.getGroup(0, i), 0, element));
        }
        return "[" + String.join(",", values) + "]";
    }

    private static String map(Group group, Type type) {
        GroupType entry = type.asGroupType().getType(0).asGroupType();
        Map<String, String> values = new TreeMap<>();
        for (int i = 0; i < group.getFieldRepetitionCount(0); i++) {
            Group pair = group.getGroup(0, i);
            byte[] key = text(pair, 0, 0, entry.getType(0)).getBytes(StandardCharsets.UTF_8);
            values.put(HEX.formatHex(key), value(pair, 1, entry.getType(1)));
        }
        return values.entrySet().stream()
                .map(e -> e.getKey() + ":" + e.getValue())
                .collect(Collectors.joining(",", "m[", "]"));
    }

    private static String group(Group group, GroupType type) {
        List<String> values = new ArrayList<>();
        for (int i = 0; i < type.getFieldCount(); i++) {
            values.add(value(group, i, type.getType(i)));
        }
        return "[" + String.join(",", values) + "]";
    }

    private static String value(Group group, int field, Type type) {
        LogicalTypeAnnotation kind = type.getLogicalTypeAnnotation();
        if (group.getFieldRepetitionCount(field) == 0) {
            return "n";
        }
        if (type.isPrimitive()) {
            return primitive(group, field, 0, type);
        }
        Group inner = group.getGroup(field, 0);
        if (kind instanceof MapLogicalTypeAnnotation) {
            return map(inner, type);
        }
        return kind instanceof ListLogicalTypeAnnotation
                ? list(inner, type) : group(inner, type.asGroupType());
    }

    private static String digest(String path) throws Exception {
        MessageDigest total = MessageDigest.getInstance("SHA-256");
        var options = HadoopReadOptions.builder(new org.apache.hadoop.conf.Configuration(false))
                .usePageChecksumVerification(true)
                .build();
        try (ParquetFileReader file =
                ParquetFileReader.open(new LocalInputFile(Path.of(path)), options)) {
            MessageType schema = file.getFileMetaData().getSchema();
            PageReadStore pages;
            while ((pages = file.readNextRowGroup()) != null) {
                RecordReader<Group> records = new ColumnIOFactory()
                        .getColumnIO(schema)
                        .getRecordReader(pages, new GroupRecordConverter(schema));
                for (long i = 0; i < pages.getRowCount(); i++) {
                    String row = group(records.read(), schema);
                    total.update(row.getBytes(StandardCharsets.UTF_8));
                }
            }
        }
        return HEX.formatHex(total.digest());
    }

    public static void main(String[] paths) {
        for (String path : paths) {
            String told;
            try {
                told = digest(path);
            } catch (Exception | Error e) {
                Throwable cause = e;
                while (cause.getCause() != null) {
                    cause = cause.getCause();
                }
                told = cause.toString();
            }
            System.out.println(path + " " + told);
        }
    }
}
