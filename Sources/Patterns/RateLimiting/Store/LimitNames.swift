/// The sets of numbers that the states of one table are counted by, each under a short name that is kept with the state
/// in place of the numbers. A name is free again when no state has it: there are no more names than places.
struct LimitNames {
    /// What a state is counted by; the units of a bucket's token are the state's own.
    struct Numbers: Hashable {
        var kind: LimitParameters.Kind
        var rate: Int64
        var capacity: Int64
    }
    /// From 1; 0 is a free place's.
    typealias Name = UInt16
    /// How many states may have names at the same time.
    static let limit = Int(Name.max)

    private var numbers = [Numbers(kind: .tokenBucket, rate: 0, capacity: 0)]
    private var uses: [UInt32] = [0]
    private var names: [Numbers: Name] = [:]
    private var free: [Name] = []

    /// How many sets have a name.
    var count: Int { names.count }

    /// The numbers of a name that a state has.
    @inline(__always)
    subscript(_ name: Name) -> Numbers { numbers[Int(name)] }

    /// The name of these numbers, for one more state.
    mutating func take(_ wanted: Numbers) -> Name {
        if let known = names[wanted] {
            uses[Int(known)] += 1
            return known
        }
        let name = free.popLast() ?? Name(numbers.count)
        if Int(name) == numbers.count {
            numbers.append(wanted)
            uses.append(1)
        } else {
            (numbers[Int(name)], uses[Int(name)]) = (wanted, 1)
        }
        names[wanted] = name
        return name
    }

    /// A state has it no more.
    mutating func release(_ name: Name) {
        uses[Int(name)] -= 1
        guard uses[Int(name)] == 0 else { return }
        names[numbers[Int(name)]] = nil
        free.append(name)
    }
}
