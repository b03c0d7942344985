import Synchronization

/// What a state is counted by, and a short name for it. A store in memory has one set of numbers for very many keys: it
/// keeps the name with each key, and the numbers once.
///
/// A process names ``limit`` different sets and forgets none. Those beyond are ``unnamed``: what they count is taken
/// for counted by whatever limit asks for it, so that a change of theirs is not noticed, and it is the first to give
/// way.
struct LimitNumbers: Hashable {
    typealias Name = UInt16
    /// The most sets that are named: 1 to this.
    static let limit: Name = .max - 1
    /// Of all that came later.
    static let unnamed: Name = .max

    let kind: LimitParameters.Kind
    let capacity: Int64
    let unit: Int64
    let rate: Int64

    init(_ parameters: LimitParameters) {
        (kind, capacity) = (parameters.kind, parameters.capacity)
        (unit, rate) = (parameters.unit, parameters.rate)
    }

    /// Names these numbers, if they have no name.
    static func name(_ parameters: LimitParameters) -> Name { registry.name(LimitNumbers(parameters)) }

    /// The numbers of that name, which whoever asks has seen in a state; nil for those without one.
    static func named(_ name: Name) -> LimitNumbers? { registry.numbers(name) }

    private static let registry = Registry(limit: limit)

    /// A list that only grows, in memory that the system hands out as it is used. A name reaches a reader by way of a
    /// lock that was taken after its numbers were written, so that reading needs none.
    final class Registry: @unchecked Sendable {
        private let names = Mutex<[LimitNumbers: Name]>([:])
        private let list: UnsafeMutablePointer<LimitNumbers>
        private let limit: Name

        init(limit: Name) {
            self.limit = limit
            list = .allocate(capacity: Int(limit) + 1)
        }

        deinit { list.deallocate() }

        func name(_ numbers: LimitNumbers) -> Name {
            names.withLock { names in
                if let known = names[numbers] { return known }
                guard names.count < Int(limit) else { return LimitNumbers.unnamed }
                let name = Name(names.count + 1)
                (list + Int(name)).initialize(to: numbers)
                names[numbers] = name
                return name
            }
        }

        func numbers(_ name: Name) -> LimitNumbers? {
            name == LimitNumbers.unnamed || name == 0 ? nil : list[Int(name)]
        }
    }
}
