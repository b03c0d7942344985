import CLibPQ

/// Arrays of pointers into a request's values, as libpq wants them; kept and grown, so that a request costs no
/// allocation here. Used under the connection's lock.
final class ParameterScratch: @unchecked Sendable {
    struct Values {
        let count: Int32
        let types: UnsafePointer<Oid>?
        let values: UnsafePointer<UnsafePointer<CChar>?>?
        let lengths: UnsafePointer<Int32>?
        let formats: UnsafePointer<Int32>?
    }
    private var capacity = 0
    private var types: UnsafeMutablePointer<Oid>?
    private var values: UnsafeMutablePointer<UnsafePointer<CChar>?>?
    private var lengths: UnsafeMutablePointer<Int32>?
    private var formats: UnsafeMutablePointer<Int32>?
    /// What an empty value points to: a null pointer would be `NULL`.
    private let empty = UnsafeMutablePointer<CChar>.allocate(capacity: 1)

    init() { empty.initialize(to: 0) }
    deinit {
        free()
        empty.deallocate()
    }

    func with(_ parameters: PostgresParameters, _ body: (Values) -> Int32) -> Int32 {
        let places = parameters.places
        if places.isEmpty { return body(Values(count: 0, types: nil, values: nil, lengths: nil, formats: nil)) }
        reserve(places.count)
        return parameters.bytes.withUnsafeBytes { bytes in
            guard let types, let values, let lengths, let formats else { return 0 }
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            for (index, place) in places.enumerated() {
                types[index] = place.type
                lengths[index] = max(0, place.length)
                formats[index] = place.isBinary ? 1 : 0
                values[index] = place.length < 0 ? nil : start.map { $0 + place.start } ?? UnsafePointer(empty)
            }
            return body(
                Values(
                    count: Int32(places.count), types: types, values: values, lengths: lengths, formats: formats))
        }
    }

    private func reserve(_ count: Int) {
        guard count > capacity else { return }
        free()
        capacity = max(16, count * 2)
        types = .allocate(capacity: capacity)
        values = .allocate(capacity: capacity)
        lengths = .allocate(capacity: capacity)
        formats = .allocate(capacity: capacity)
    }

    private func free() {
        types?.deallocate()
        values?.deallocate()
        lengths?.deallocate()
        formats?.deallocate()
    }
}
