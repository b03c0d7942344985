import HTTPTypes

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
    /// `true` on an answer that was kept from an earlier request with the same key.
    static let idempotentReplayed = HTTPField.Name("Idempotent-Replayed")!
    /// A write's answer carries one; a read that sends it back sees that write.
    static let consistencyToken = HTTPField.Name("Pantry-Consistency-Token")!
    /// Who answered a read, such as `shard-0/primary`.
    static let servedBy = HTTPField.Name("Pantry-Served-By")!
}
