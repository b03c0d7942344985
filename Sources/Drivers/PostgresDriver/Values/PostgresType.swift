/// The object identifiers of the types that the driver sends and reads in binary (`pg_type.dat` of PostgreSQL).
enum PostgresType {
    static let unknown: UInt32 = 0
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let char: UInt32 = 18
    static let name: UInt32 = 19
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let oid: UInt32 = 26
    static let xid: UInt32 = 28
    static let json: UInt32 = 114
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let untypedText: UInt32 = 705
    static let byteaArray: UInt32 = 1001
    static let xidArray: UInt32 = 1011
    static let textArray: UInt32 = 1009
    static let int8Array: UInt32 = 1016
    static let bpchar: UInt32 = 1042
    static let varchar: UInt32 = 1043
    static let timestamp: UInt32 = 1114
    static let timestamptz: UInt32 = 1184
    static let numeric: UInt32 = 1700
    static let void: UInt32 = 2278
    static let uuid: UInt32 = 2950
    static let uuidArray: UInt32 = 2951
    static let pgLSN: UInt32 = 3220
    static let jsonb: UInt32 = 3802
    static let xid8: UInt32 = 5069

    /// Microseconds from 1970 to 2000, where PostgreSQL's timestamps begin.
    static let epoch: Int64 = 946_684_800_000_000
}
