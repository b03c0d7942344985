import Determinism
import Sagas
import Testing

private typealias Machine = ExternalCallMachine<Int>

/// One external step until its outcome is known: every event in every state, and a provider that misbehaves.
@Suite("ExternalCallMachine")
struct ExternalCallMachineTests {
    private static let configuration = ExternalCallConfiguration()

    private func text(_ action: ExternalCallMachine<Int>.Action) -> String {
        switch action {
        case .call: "call"
        case .ask: "ask"
        case .rest(let pause): "rest \(pause.inMicroseconds / 1_000)"
        case .end(.done(let value)): "done \(value)"
        case .end(.refused(let code, let reason)): "refused \(code) \(reason)"
        case .end(.absent(let reason, let pause)): "absent \(reason)" + Self.text(pause)
        case .end(.unknown(let reason, let pause)): "unknown \(reason)" + Self.text(pause)
        }
    }

    private static func text(_ pause: Duration?) -> String {
        pause.map { " for \($0.inMicroseconds / 1_000)" } ?? ""
    }

    private static let events: [(name: String, event: ExternalCallMachine<Int>.Event)] = [
        ("called done", .called(.done(1))), ("called refused", .called(.refused(code: "c", reason: "r"))),
        ("called notSent", .called(.notSent("n"))), ("called unknown", .called(.unknown("u"))),
        ("asked done", .asked(.done(2))), ("asked refused", .asked(.refused(code: "c", reason: "r"))),
        ("asked pending", .asked(.pending)), ("asked absent", .asked(.absent)),
        ("asked unknown", .asked(.unknown("u"))),
        ("called unavailable", .called(.unavailable("v", retryAfter: .seconds(9)))),
        ("asked unavailable", .asked(.unavailable("w", retryAfter: nil))),
        ("rested", .rested),
    ]
    private static let out = "unknown an event came out of turn"

    /// How each state is reached, and what it takes; any other event ends the step as unknown.
    private static let table: [(state: String, way: [String], takes: [String: String])] = [
        (
            "calling", [],
            [
                "called done": "done 1", "called refused": "refused c r", "called notSent": "rest 100",
                "called unknown": "ask", "called unavailable": "absent v for 9000",
            ]
        ),
        (
            "asking", ["called unknown"],
            [
                "asked done": "done 2", "asked refused": "refused c r", "asked pending": "rest 100",
                "asked absent": "rest 100", "asked unknown": "rest 100", "asked unavailable": "unknown w",
            ]
        ),
        ("restingToCall", ["called notSent"], ["rested": "call"]),
        ("restingToAsk", ["called unknown", "asked pending"], ["rested": "ask"]),
        ("ended", ["called done"], [:]),
    ]

    @Test(arguments: ["calling", "asking", "restingToCall", "restingToAsk", "ended"])
    func everyEventInEveryState(state: String) throws {
        let row = try #require(Self.table.first { $0.state == state })
        for (name, event) in Self.events {
            var machine = Machine(Self.configuration, mayHaveBeenCalled: false)
            #expect(text(machine.begin()) == "call")
            for step in row.way {
                _ = machine.handle(try #require(Self.events.first { $0.name == step }).event)
            }
            let action = text(machine.handle(event))
            #expect(action == row.takes[name] ?? Self.out, "\(name) while \(state)")
            guard action == Self.out else { continue }
            for (_, late) in Self.events { #expect(text(machine.handle(late)) == Self.out, "an end is an end") }
        }
    }

    @Test func eventBeforeTheBeginningIsUnknown() {
        for (_, event) in Self.events {
            var machine = Machine(Self.configuration, mayHaveBeenCalled: false)
            #expect(text(machine.handle(event)) == Self.out)
            #expect(text(machine.begin()) == "unknown was already begun")
        }
    }

    @Test(arguments: [true, false])
    func secondBeginningMakesNoSecondCall(mayHaveBeenCalled: Bool) {
        var machine = Machine(Self.configuration, mayHaveBeenCalled: mayHaveBeenCalled)
        #expect(text(machine.begin()) == (mayHaveBeenCalled ? "ask" : "call"))
        #expect(text(machine.begin()) == "unknown was already begun")
        #expect(text(machine.handle(.called(.unknown("")))) == Self.out)
    }

    @Test func afterACrashItAsksFirstAndCallsAtOnceWhenThereIsNothing() {
        var machine = Machine(Self.configuration, mayHaveBeenCalled: true)
        #expect(text(machine.begin()) == "ask")
        #expect(text(machine.handle(.asked(.absent))) == "call")
        #expect(text(machine.handle(.called(.done(3)))) == "done 3")
    }

    @Test func pausesDoubleUpToTheLongest() {
        var configuration = ExternalCallConfiguration()
        configuration.askLimit = 40
        var machine = Machine(configuration, mayHaveBeenCalled: true)
        _ = machine.begin()
        var pauses: [String] = []
        for _ in 0..<39 {
            pauses.append(text(machine.handle(.asked(.pending))))
            #expect(text(machine.handle(.rested)) == "ask")
        }
        #expect(pauses.prefix(6) == ["rest 100", "rest 200", "rest 400", "rest 800", "rest 1600", "rest 2000"])
        #expect(pauses.dropFirst(6).allSatisfy { $0 == "rest 2000" })
        #expect(text(machine.handle(.asked(.pending))) == "unknown the provider is still working on it")
    }

    @Test func budgetEndsAsAbsentOrUnknown() {
        var machine = Machine(Self.configuration, mayHaveBeenCalled: false)
        var actions = [text(machine.begin())]
        for event: ExternalCallMachine<Int>.Event in [
            .called(.notSent("a")), .rested, .called(.unknown("b")), .asked(.absent), .rested, .called(.notSent("c")),
        ] {
            actions.append(text(machine.handle(event)))
        }
        #expect(actions == ["call", "rest 100", "call", "ask", "rest 200", "call", "absent c"])
    }

    // MARK: a simulated provider

    /// Takes effect at most once for the key; calls may be lost, refused, slow, or take effect without an answer.
    private struct Provider {
        enum Fate { case nothing, done, refused }
        let random: SeededRandom
        var fate = Fate.nothing
        /// A call that was sent and has not arrived; the provider says `pending` while it knows of it.
        var isUnderWay = false
        var saidAbsent = false
        var effects = 0

        mutating func arrive() {
            isUnderWay = false
            guard fate == .nothing else { return }
            fate = random.next(below: 4) == 0 ? .refused : .done
            if fate == .done { effects += 1 }
        }
        mutating func call() -> ExternalCallMachine<Int>.CallResult {
            switch random.next(below: 6) {
            case 0: return .notSent("no connection")
            case 1: return .unknown("lost on the way there")
            case 2:
                isUnderWay = true
                return .unknown("slow")
            case 3:
                arrive()
                return .unknown("lost on the way back")
            default:
                arrive()
                return fate == .done ? .done(1) : .refused(code: "declined", reason: "")
            }
        }
        mutating func ask() -> ExternalCallMachine<Int>.AskResult {
            if isUnderWay, random.next(below: 2) == 0 { arrive() }
            if random.next(below: 4) == 0 { return .unknown("no answer") }
            if isUnderWay { return .pending }
            switch fate {
            case .done: return .done(1)
            case .refused: return .refused(code: "declined", reason: "")
            case .nothing: return .absent
            }
        }
    }

    /// One run of the machine, with what must hold at each step.
    private func play(_ random: SeededRandom, _ note: Comment) {
        var provider = Provider(random: random)
        var configuration = ExternalCallConfiguration()
        configuration.callLimit = 1 + Int(random.next(below: 4))
        configuration.askLimit = 1 + Int(random.next(below: 6))
        let mayHaveBeenCalled = random.next(below: 2) == 0
        // An earlier attempt, which this machine knows nothing of.
        if mayHaveBeenCalled, random.next(below: 2) == 0 { _ = provider.call() }
        var machine = Machine(configuration, mayHaveBeenCalled: mayHaveBeenCalled)
        var (calls, asks) = (0, 0)
        // Whether the provider has said, or it follows from the call itself, that there is no effect.
        var isKnownAbsent = !mayHaveBeenCalled
        var action = machine.begin()
        while true {
            switch action {
            case .call:
                calls += 1
                #expect(isKnownAbsent, "called again without knowing, \(note)")
                let result = provider.call()
                if case .notSent = result {} else { isKnownAbsent = false }
                action = machine.handle(.called(result))
            case .ask:
                asks += 1
                let answer = provider.ask()
                if case .absent = answer { isKnownAbsent = true }
                action = machine.handle(.asked(answer))
            case .rest(let pause):
                #expect(pause > .zero && pause <= configuration.longestPause, note)
                action = machine.handle(.rested)
            case .end(let outcome):
                #expect(calls <= configuration.callLimit, note)
                #expect(asks <= configuration.askLimit + configuration.callLimit, note)
                #expect(provider.effects <= 1, note)
                switch outcome {
                case .done: #expect(provider.fate == .done, note)
                case .refused: #expect(provider.fate == .refused, note)
                case .absent: #expect(isKnownAbsent && provider.fate == .nothing && !provider.isUnderWay, note)
                case .unknown: #expect(asks >= configuration.askLimit, note)
                }
                return
            }
        }
    }

    @Test(arguments: [1, 2, 0xFEED] as [UInt64])
    func outcomeIsTheTruth(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        for round in 0..<3_000 { play(random, "seed \(seed), round \(round)") }
    }
}
