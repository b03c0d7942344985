/// What a driver implements, one for each primary: it runs a batch to its end and says what is to be run after it.
public protocol LaneEngine: Sendable {
    /// Drives the machine until it ends, settles it, and returns its ``BatchMachine/Ending/again``.
    func run(_ batch: BatchMachine) async -> [BatchMachine]
}
