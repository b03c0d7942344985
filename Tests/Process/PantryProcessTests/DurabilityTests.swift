import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// A killed process cannot show a missing fsync, because the page cache survives it. The trace of its system calls
    /// can.
    @Suite("Answers come after their sync")
    struct DurabilityTests {
        @Test(.enabled(if: SystemCallTracer.isAvailable, "this needs strace"))
        func everyAnswerComesAfterTheSyncOfItsCommits() async throws {
            try await Installation.with { installation in
                let tracer = SystemCallTracer(output: installation.folder.appendingPathComponent("trace.txt").path)
                let process = try installation.launch(tracer: tracer.command)
                guard try await process.readiness(within: .seconds(60)) == .ready else {
                    throw StartFailure(what: "the traced server ended", errors: process.errorText)
                }
                let shop = try await Shop.open(Catalog(count: 3, stocked: 1_000), in: installation, on: process)
                let session = try shop.session(on: process)

                var orders: [String] = []
                var ids: [String] = []
                for number in 100..<112 {
                    let order = await session.order([(sku: "SKU-0001", quantity: 1)], key: "traced-order-\(number)")
                    #expect(order.status == 201, "\(order)")
                    orders.append("traced-order-\(number)")
                    ids.append(try #require(order.answer?["id"]?.string))
                }
                #expect(await session.cancel(ids[0], key: "traced-cancel").status == 200)
                #expect(await session.refund(ids[1], amount: 10, key: "traced-refund").status == 201)
                #expect(await session.fulfill(ids[2], key: "traced-fulfil").status == 200)
                try await shop.expectNoViolations(on: process)

                process.terminate()
                #expect(try await process.ended(within: .seconds(20)) == .status(0))
                let trace = try await tracer.trace(of: process)
                let shard = "/shard-0.db-wal"
                let provider = "/sandbox-provider.db-wal"
                for (keys, answer, files) in [
                    (orders, "HTTP/1.1 201", [shard, provider]),
                    (["traced-cancel"], "HTTP/1.1 200", [shard, provider]),
                    (["traced-refund"], "HTTP/1.1 201", [shard, provider]),
                    (["traced-fulfil"], "HTTP/1.1 200", [shard]),
                ] {
                    let found = trace.report(keys: keys, answer: answer, files: files)
                    #expect(found.answered == keys)
                    #expect(found.violations == [])
                }
            }
        }
    }
}
