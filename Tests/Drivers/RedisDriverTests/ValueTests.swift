import Testing

@testable import RedisDriver

@Suite("Values and errors")
struct ValueTests {
    @Test func valuesAreRead() throws {
        #expect(try RedisValue.bulk([104, 105]).text() == "hi")
        #expect(try RedisValue.status("OK").text() == "OK")
        #expect(RedisValue.status("OK").isOK && !RedisValue.bulk([79, 75]).isOK)
        #expect(try RedisValue.null.optionalText() == nil)
        #expect(try RedisValue.integer(7).integer() == 7)
        #expect(try RedisValue.bulk(Array("-12".utf8)).integer() == -12)
        #expect(try RedisValue.bulk(Array("1.5".utf8)).double() == 1.5)
        #expect(try RedisValue.integer(1).boolean())
        #expect(try RedisValue.array([.null, .integer(1)]).array() == [.null, .integer(1)])
        let pairs = RedisValue.array([.bulk([97]), .bulk([49]), .bulk([98]), .null])
        #expect(try pairs.dictionary() == ["a": .bulk([49]), "b": .null])
    }

    @Test func whatIsNotAskedForIsSaid() {
        func failure(_ read: () throws(RedisError) -> Void) -> RedisError? {
            do throws(RedisError) {
                try read()
                return nil
            } catch { return error }
        }
        let number = failure { () throws(RedisError) in _ = try RedisValue.integer(5).bytes() }
        #expect(number?.code == .unexpectedReply && number?.reason == "the answer is a whole number, not bytes")
        let missing = failure { () throws(RedisError) in _ = try RedisValue.null.text() }
        #expect(missing?.reason == "the answer is null, not bytes" || missing?.reason == "the answer is null, not text")
        let odd = failure { () throws(RedisError) in _ = try RedisValue.array([.null]).dictionary() }
        #expect(odd?.code == .unexpectedReply)
        let binary = failure { () throws(RedisError) in _ = try RedisValue.bulk([0xFF]).text() }
        #expect(binary?.reason.contains("UTF-8") == true)
        let secret = failure { () throws(RedisError) in _ = try RedisValue.bulk(Array("hunter2".utf8)).integer() }
        #expect(secret?.description.contains("hunter2") == false, "a value is not for a log")
        let server = failure { () throws(RedisError) in
            _ = try RedisValue.error(RedisServerError(message: "WRONGTYPE Operation")).integer()
        }
        #expect(server?.server?.code == .wrongType && server?.effect == .answered)
    }

    @Test(arguments: [
        ("LOADING Redis is loading the dataset in memory", RedisServerError.Code.loading),
        ("READONLY You can't write against a read only replica.", .readOnly), ("BUSY Redis is busy", .busy),
        ("NOAUTH Authentication required.", .notAuthenticated), ("WRONGPASS invalid", .wrongPassword),
        ("NOPERM this user", .noPermission), ("NOSCRIPT No matching script.", .noScript),
        ("OOM command not allowed", .outOfMemory), ("EXECABORT Transaction discarded", .transactionAborted),
        ("MASTERDOWN Link", .primaryDown), ("ERR max number of clients reached", .tooManyClients),
        ("ERR syntax error", .generic), ("MOVED 3999 127.0.0.1:6381", .moved), ("WHATEVER x", .other), ("", .other),
    ])
    func codesAreToldApart(message: String, code: RedisServerError.Code) {
        #expect(RedisServerError(message: message).code == code)
    }

    @Test func serversEchoNoArguments() {
        let error = RedisServerError(message: "ERR unknown command 'AUHT', with args beginning with: 'hunter2' ")
        #expect(error.message == "ERR unknown command 'AUHT'")
        #expect(RedisServerError(message: String(repeating: "x", count: 5_000)).message.count == 512)
        #expect(RedisServerError(message: "ERR a\nb").message == "ERR a b")
    }
}
