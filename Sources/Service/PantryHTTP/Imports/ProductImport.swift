import Determinism
import PantryDomain
import Storage

/// What became of an import.
package struct ImportResult: Sendable {
    package var tally: ImportTally
    /// Whether its key says that it was done before.
    package var isReplay: Bool
    /// Where it was done last, which knows how far the log had come; nil where nothing had to be done.
    package var context: TenantContext?
}

/// An import that ended before its bytes did. What it had imported by then stays.
package struct ImportStop: Error, Sendable {
    package enum Cause: Sendable {
        case unreadable(UnreadableRows)
        case refused(Refusal)
        /// The body is too large, or did not arrive in time.
        case problem(Problem)
    }
    package var cause: Cause
    package var tally: ImportTally
    /// Where its last rows went.
    package var context: TenantContext?
}

/// Brings products and their stock into being or up to date, row by row, in chunks: one transaction each, and no more
/// than one under way. Everything else that is written meanwhile finds its place between them.
package struct ProductImport: Sendable {
    /// Rows in a transaction: enough that syncing the disk costs little, few enough that orders hardly wait.
    static let chunkRows = 250
    /// Rows that failed already are counted with a chunk, but cost no writes.
    private static let chunkEntries = 4_000
    /// How long a chunk may wait for its turn.
    private static let patience: Duration = .seconds(30)

    let organizations: OrganizationService
    let organization: Int64
    let format: ImportFormat
    let key: RequestKey?
    let traceparent: String?
    let time: any TimeSource
    let random: any RandomSource
    private let trail = CommitTrail()

    package init(
        organizations: OrganizationService, organization: Int64, format: ImportFormat, key: RequestKey?,
        traceparent: String?, time: any TimeSource, random: any RandomSource
    ) {
        (self.organizations, self.organization, self.format, self.key) = (organizations, organization, format, key)
        (self.traceparent, self.time, self.random) = (traceparent, time, random)
    }

    /// - Throws: ``ImportStop``, or what the source throws when nobody is there any more to hear of it.
    package func run(_ source: inout some ByteSource) async throws -> ImportResult {
        var work = ImportWork(self)
        do throws(Refusal) { try await work.claim() } catch { throw work.stop(.refused(error)) }
        while let bytes = try await part(of: &source, work: &work) {
            work.reader.append(bytes)
            try await take(&work)
        }
        work.reader.finish()
        try await take(&work)
        do throws(Refusal) { return try await work.end() } catch { throw work.stop(.refused(error)) }
    }

    /// The organization's corner at this moment: it may have moved since the chunk before.
    func context() async throws(Refusal) -> TenantContext {
        try await organizations.context(
            for: organization, traceparent: traceparent, deadline: time.instant() + Self.patience, trail: trail)
    }

    private func part(of source: inout some ByteSource, work: inout ImportWork) async throws -> [UInt8]? {
        do { return try await source.next() } catch let problem as Problem {
            throw try await stopped(.problem(problem), &work)
        }
    }

    private func take(_ work: inout ImportWork) async throws {
        while true {
            let entry: ImportEntry?
            do throws(UnreadableRows) { entry = try work.reader.next() } catch {
                throw try await stopped(.unreadable(error), &work)
            }
            guard let entry else { return }
            do throws(Refusal) {
                try work.add(entry)
                if work.rows >= Self.chunkRows || work.entries.count >= Self.chunkEntries { try await work.write() }
            } catch { throw work.stop(.refused(error)) }
        }
    }

    /// The rows before the fault are imported: whoever mends it need not know which of them were in a chunk already.
    private func stopped(_ cause: ImportStop.Cause, _ work: inout ImportWork) async throws -> ImportStop {
        do throws(Refusal) { try await work.write() } catch { return work.stop(.refused(error)) }
        return work.stop(cause)
    }
}

/// An import under way.
struct ImportWork {
    private let order: ProductImport
    var reader: ProductRowReader
    private(set) var entries: [ImportEntry] = []
    private(set) var rows = 0
    private var tally = ImportTally()
    private var attempt: Int64 = 0
    /// Where the last durable chunk ended.
    private var durable = ImportPlace.start
    /// A place that an earlier request with the key has come to: the bytes before it must be the same.
    private var known: ImportPlace?
    private var isFinished = false
    private var context: TenantContext?

    init(_ order: ProductImport) {
        self.order = order
        reader = ProductRowReader(order.format)
    }

    func stop(_ cause: ImportStop.Cause) -> ImportStop { ImportStop(cause: cause, tally: tally, context: context) }

    private mutating func submit<Command: LaneCommand>(_ command: Command) async throws(Refusal) -> Command.Outcome {
        let context = try await order.context()
        self.context = context
        return try await context.submit(command)
    }

    /// Takes the import over from where it was left.
    mutating func claim() async throws(Refusal) {
        guard let key = order.key else { return }
        let command = ClaimImport(organization: order.organization, request: key)
        let progress: ImportProgress
        switch try await submit(command) {
        case .refused(let refusal): throw refusal
        case .proceed(let found): progress = found
        case .finished(let found): (progress, isFinished) = (found, true)
        }
        (attempt, durable, tally) = (progress.attempt, progress.place, progress.tally)
        if durable.bytes > 0 || isFinished { known = durable }
    }

    /// Adds a row to the present chunk, unless it is one that is durable already.
    mutating func add(_ entry: ImportEntry) throws(Refusal) {
        if let known {
            let bytes = reader.bytesPassed
            guard bytes <= known.bytes else { throw .keyReused }
            if bytes == known.bytes, !isFinished {
                guard reader.place == known else { throw .keyReused }
                self.known = nil
            }
            return
        }
        entries.append(entry)
        if case .row = entry { rows += 1 }
    }

    /// Writes the present chunk.
    mutating func write() async throws(Refusal) {
        guard known == nil, !entries.isEmpty else { return }
        try await write(isLast: false)
    }

    /// Writes what is left, and the end.
    mutating func end() async throws(Refusal) -> ImportResult {
        if let known {
            guard reader.place == known else { throw .keyReused }
            if isFinished { return ImportResult(tally: tally, isReplay: true, context: context) }
            self.known = nil
        }
        if order.key != nil || !entries.isEmpty { try await write(isLast: true) }
        return ImportResult(tally: tally, isReplay: false, context: context)
    }

    private mutating func write(isLast: Bool) async throws(Refusal) {
        let place = order.key == nil ? durable : reader.place
        let command = ImportProducts(
            organization: order.organization, entries: entries, tally: tally,
            step: order.key.map {
                ImportProducts.Step(request: $0, attempt: attempt, from: durable, to: place, isLast: isLast)
            }, seed: order.random.next(), traceparent: order.traceparent)
        switch try await submit(command) {
        case .refused(let refusal): throw refusal
        case .imported(let total): tally = total
        }
        (durable, rows) = (place, 0)
        entries.removeAll(keepingCapacity: true)
    }
}
