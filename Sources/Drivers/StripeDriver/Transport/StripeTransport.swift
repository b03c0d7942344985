import AsyncHTTPClient
import Determinism
import Instrumentation
import NIOCore
import NIOHTTP1

/// One request to Stripe.
struct StripeRequest: Sendable {
    var path: String
    /// nil for a GET. Never empty otherwise: see ``SendGate``.
    var form: StripeForm?
    var idempotencyKey: String?

    static func get(_ path: String, _ query: StripeForm = StripeForm()) -> StripeRequest {
        StripeRequest(path: query.text.isEmpty ? path : "\(path)?\(query.text)")
    }
    static func post(_ path: String, _ form: StripeForm, key: String? = nil) -> StripeRequest {
        precondition(!form.text.isEmpty, "a POST without a body cannot be told from one that was never sent")
        return StripeRequest(path: path, form: form, idempotencyKey: key)
    }
}

/// Sends single requests and says what came of them. Repeats nothing.
struct StripeTransport: Sendable {
    let mask: TextMask
    private let configuration: StripeConfiguration
    private let http: HTTPClient
    private let timer: CallTimer
    private let instrument: (any Instrument)?

    init(_ configuration: StripeConfiguration, time: any TimeSource, instrument: (any Instrument)?) {
        (self.configuration, self.instrument) = (configuration, instrument)
        mask = TextMask([configuration.secretKey])
        timer = CallTimer(time: time)
        var settings = HTTPClient.Configuration()
        // HTTP/2 would put many requests on one connection, which fail together.
        settings.httpVersion = .http1Only
        settings.redirectConfiguration = .disallow
        settings.timeout.connect = .nanoseconds(configuration.connectTimeout.inNanoseconds)
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connectionLimit
        settings.connectionPool.idleTimeout = .nanoseconds(configuration.idleTimeout.inNanoseconds)
        // Whoever calls decides whether to try again, and when.
        settings.connectionPool.retryConnectionEstablishment = false
        // A tracer that the process has for all would make the client send its own traceparent beside this one.
        if instrument != nil { settings.tracing.tracer = nil }
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func shutdown() async { try? await http.shutdown() }

    func send(_ request: StripeRequest) async -> StripeReply {
        if Task.isCancelled { return .notExecuted(StripeCause("the caller was cancelled before the request was sent")) }
        let gate = SendGate()
        let message = message(for: request, gate: gate)
        let (http, answerLimit) = (http, configuration.answerLimit)
        do {
            let deadline = timer.instant() + configuration.requestTimeout
            let response = try await timer.run(until: deadline) {
                // The client's own deadline ends with the answer's head; the timer's does not.
                let response = try await http.execute(message, deadline: .distantFuture)
                let body = try await response.body.collect(upTo: answerLimit)
                return StripeResponse(response, body: Array(body.readableBytesView))
            }
            guard let response else {
                return failed(request, gate, "no answer from Stripe within \(configuration.requestTimeout)")
            }
            return response.reply(mask: mask)
        } catch {
            return failed(request, gate, "no answer from Stripe: \(error)")
        }
    }

    /// A request without effect has none, however it ends; any other had none only if it was never sent.
    private func failed(_ request: StripeRequest, _ gate: SendGate, _ reason: String) -> StripeReply {
        let cause = StripeCause(mask.clean(reason))
        let isUnsent = gate.closeUnopened()
        return request.form == nil || isUnsent ? .notExecuted(cause) : .unknown(cause)
    }

    private func message(for request: StripeRequest, gate: SendGate) -> HTTPClientRequest {
        var message = HTTPClientRequest(url: configuration.baseURL + request.path)
        message.headers.add(name: "Authorization", value: "Bearer \(configuration.secretKey.text)")
        message.headers.add(name: "Stripe-Version", value: configuration.apiVersion)
        message.headers.add(name: "User-Agent", value: "StripeDriver/1 (Swift)")
        message.headers.add(name: "Accept", value: "application/json")
        if let instrument, let context = ServiceContext.current {
            instrument.inject(context, into: &message.headers, using: HeaderInjector())
        }
        guard let form = request.form else { return message }
        message.method = .POST
        message.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        if let key = request.idempotencyKey { message.headers.add(name: "Idempotency-Key", value: key) }
        message.body = GatedBody(text: form.text, gate: gate).requestBody
        return message
    }
}

/// Puts what an instrument passes on into a request's headers.
private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into headers: inout HTTPHeaders) {
        // Two instruments behind one may both pass on the same trace.
        headers.replaceOrAdd(name: key, value: value)
    }
}

extension StripeResponse {
    fileprivate init(_ response: HTTPClientResponse, body: [UInt8]) {
        status = Int(response.status.code)
        isReplay = response.headers.first(name: "Idempotent-Replayed")?.lowercased() == "true"
        // A pause of more than an hour is nobody's rate limit.
        pause = response.headers.first(name: "Retry-After").flatMap { Int64($0) }
            .flatMap { (0...3_600).contains($0) ? .seconds($0) : nil }
        requestID = response.headers.first(name: "Request-Id")
        self.body = body
    }
}
