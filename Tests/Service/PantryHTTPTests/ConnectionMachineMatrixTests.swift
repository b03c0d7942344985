import Testing

@testable import PantryHTTP

/// Every event in every state of a connection. The expectations are written down by hand; what stands nowhere changes
/// neither the phase nor what is waited for, and is answered with nothing.
@Suite("Server: every event in every state of a connection")
struct ConnectionMachineMatrixTests {
    enum State: CaseIterable {
        /// Connected, and behind the first answer.
        case fresh, idle
        case head, body
        /// A request is answered: at once, perhaps late, in parts of which one is on its way, while the server stops.
        case answering, listening, sending, stopping
        /// The body came too slowly.
        case failed
        case finishing, lingering, closed
    }
    enum Event: CaseIterable {
        case bytesArrived, emptyLinesArrived, readWanted, bodyStreams, bodyArrived, headRead, headOfBodyRead, bodyEnded
        case listens, partWritten, partSent, inputClosed
        case conversationEnded, answered, answeredLast, quiesce, inputFailed, unwritable, writable, outputEnded, closed
        /// One interval, and as many as no wait lasts.
        case tick, ticks
    }
    typealias Machine = ConnectionMachine

    private func happen(_ event: Event, _ machine: inout Machine) -> Machine.Action {
        switch event {
        case .bytesArrived: machine.bytesArrived()
        case .emptyLinesArrived: machine.emptyLinesArrived()
        case .readWanted: machine.readWanted()
        case .bodyStreams: machine.bodyStreams(limit: 4)
        case .bodyArrived: machine.bodyArrived()
        case .headRead: machine.headRead(hasBody: false)
        case .headOfBodyRead: machine.headRead(hasBody: true)
        case .bodyEnded: return machine.bodyEnded()
        case .listens: return machine.listens()
        case .partWritten: machine.partWritten()
        case .partSent: machine.partSent()
        case .inputClosed: return machine.inputClosed()
        case .conversationEnded: return machine.conversationEnded()
        case .answered: return machine.answered(isLast: false)
        case .answeredLast: return machine.answered(isLast: true)
        case .quiesce: return machine.quiesce()
        case .inputFailed: machine.inputFailed()
        case .unwritable: machine.writabilityChanged(false)
        case .writable: machine.writabilityChanged(true)
        case .outputEnded: machine.outputEnded()
        case .closed: machine.closed()
        case .tick: return machine.tick()
        case .ticks: return (1...8).map { _ in machine.tick() }.first { $0 != .nothing } ?? .nothing
        }
        return .nothing
    }

    private func way(_ state: State) -> [Event] {
        switch state {
        case .fresh: []
        case .idle: way(.answering) + [.answered]
        case .head: [.bytesArrived]
        case .body: [.bytesArrived, .headOfBodyRead]
        case .answering: [.bytesArrived, .headRead]
        case .listening: way(.answering) + [.listens]
        case .sending: way(.listening) + [.partWritten]
        case .stopping: way(.answering) + [.quiesce]
        case .failed: way(.body) + [.inputFailed]
        case .finishing: way(.answering) + [.answeredLast]
        case .lingering: way(.finishing) + [.outputEnded]
        case .closed: [.closed]
        }
    }

    private func machine(_ state: State) -> Machine {
        var machine = Machine(limits: .init(head: 3, body: 5, idle: 7))
        for event in way(state) { _ = happen(event, &machine) }
        return machine
    }

    @Test("a state is where its way leads")
    func states() {
        let expected: [State: String] = [
            .fresh: "open firstRequest", .idle: "open nextRequest", .head: "open firstRequest", .body: "open body",
            .answering: "open nothing", .listening: "open nothing", .sending: "open reader",
            .stopping: "open nothing", .failed: "open nothing", .finishing: "finishing reader",
            .lingering: "lingering nothing", .closed: "closed nothing",
        ]
        for state in State.allCases {
            let machine = machine(state)
            #expect("\(machine.phase) \(machine.wait)" == expected[state], "\(state)")
        }
    }

    private static let ends = "finish, is finishing, awaits reader"

    /// What an event comes to: an action, another phase, another wait.
    private static let outcomes: [Event: [State: String]] = [
        .bytesArrived: [.idle: "awaits head"],
        .bodyStreams: [.body: "awaits stream"],
        .headRead: [
            .fresh: "awaits nothing", .head: "awaits nothing", .body: "awaits nothing", .idle: "awaits nothing",
        ],
        .headOfBodyRead: [
            .fresh: "awaits body", .head: "awaits body", .idle: "awaits body",
            // It is the second request's, whose turn has not come.
            .body: "awaits nothing",
        ],
        .bodyEnded: [.body: "awaits nothing"],
        .partWritten: [
            .fresh: "awaits reader", .idle: "awaits reader", .head: "awaits reader", .body: "awaits reader",
            .answering: "awaits reader", .listening: "awaits reader", .stopping: "awaits reader",
            .failed: "awaits reader",
        ],
        .partSent: [.sending: "awaits nothing"],
        .inputClosed: [.listening: "endListening", .sending: "endListening", .lingering: "close"],
        .conversationEnded: [
            .fresh: ends, .idle: ends, .head: ends, .body: ends, .answering: ends, .listening: ends, .stopping: ends,
            .failed: ends, .sending: "finish, is finishing",
        ],
        .answered: [.answering: "awaits nextRequest", .listening: "awaits nextRequest", .stopping: ends],
        .answeredLast: [
            .fresh: ends, .idle: ends, .head: ends, .body: ends, .answering: ends, .listening: ends, .stopping: ends,
            .failed: ends, .sending: "finish, is finishing",
        ],
        .quiesce: [
            .fresh: "close, is closed, awaits nothing", .idle: "closeOnceSent, is finishing, awaits reader",
        ],
        .inputFailed: [
            .fresh: "awaits nothing", .idle: "awaits nothing", .head: "awaits nothing", .body: "awaits nothing",
        ],
        .unwritable: [
            .fresh: "awaits reader", .idle: "awaits reader", .head: "awaits reader", .body: "awaits reader",
            .answering: "awaits reader", .listening: "awaits reader", .stopping: "awaits reader",
            .failed: "awaits reader",
        ],
        .outputEnded: [.finishing: "is lingering, awaits nothing"],
        .closed: [
            .fresh: "is closed, awaits nothing", .idle: "is closed, awaits nothing", .head: "is closed, awaits nothing",
            .body: "is closed, awaits nothing", .answering: "is closed", .listening: "is closed",
            .sending: "is closed, awaits nothing", .stopping: "is closed", .failed: "is closed",
            .finishing: "is closed, awaits nothing", .lingering: "is closed",
        ],
        .ticks: [
            .fresh: "close, is closed, awaits nothing", .idle: "close, is closed, awaits nothing",
            .head: "failHead, awaits nothing", .body: "failBody, awaits nothing",
            .sending: "close, is closed, awaits nothing", .finishing: "close, is closed, awaits nothing",
        ],
    ]

    @Test(arguments: Event.allCases)
    func outcome(of event: Event) {
        for state in State.allCases {
            var machine = machine(state)
            let (phase, wait) = (machine.phase, machine.wait)
            let action = happen(event, &machine)
            var parts = action == .nothing ? [] : ["\(action)"]
            if machine.phase != phase { parts.append("is \(machine.phase)") }
            if machine.wait != wait { parts.append("awaits \(machine.wait)") }
            #expect(parts.joined(separator: ", ") == Self.outcomes[event]?[state] ?? "", "\(state)")
        }
    }

    @Test("a client that ended its side before it listens is gone as well")
    func listensTooLate() {
        var machine = machine(.answering)
        #expect(machine.inputClosed() == .nothing)
        #expect(machine.listens() == .endListening)
        #expect(machine.answered(isLast: true) == .finish)
        #expect(machine.inputClosed() == .nothing)
    }

    @Test("each part has the time of a client that does not read; a stream has any")
    func parts() {
        var machine = machine(.listening)
        for _ in 0..<20 {
            let between = happen(.ticks, &machine)
            #expect(between == .nothing)
            machine.partWritten()
            for _ in 0..<7 {
                let action = machine.tick()
                #expect(action == .nothing)
            }
            machine.partSent()
        }
        machine.partWritten()
        let end = happen(.ticks, &machine)
        #expect(end == .close)
    }
}
