import Foundation

/// A folder that is there for as long as something is done in it.
enum TemporaryFolder {
    /// - Parameter keep: leaves it where it is.
    static func with<Value>(
        _ prefix: String, keep: Bool, _ body: (_ path: String) async throws -> Value
    ) async throws -> Value {
        let path = try make(prefix)
        let result: Result<Value, any Error>
        do { result = .success(try await body(path)) } catch { result = .failure(error) }
        if !keep {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                Console.error("pantry: warning: “\(path)” could not be removed: \(error.localizedDescription)")
            }
        }
        return try result.get()
    }

    private static func make(_ prefix: String) throws -> String {
        let template = FileManager.default.temporaryDirectory.appendingPathComponent("\(prefix)-XXXXXX").path
        var bytes = template.utf8CString.map { $0 }
        guard let made = mkdtemp(&bytes) else {
            throw CommandFailure(
                .failed,
                "no folder can be made at “\(template)”: \(String(cString: strerror(errno)))")
        }
        return String(cString: made)
    }
}
