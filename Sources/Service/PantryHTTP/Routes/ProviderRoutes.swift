import HTTPTypes
import Logging
import PantryDomain

/// What payment providers say by themselves. They have no credentials of ours; each signs what it sends.
struct ProviderRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(
                .post, "/v1/providers/{name}/webhook", access: .open, bodyKinds: Route.anyBody, maxBody: 256 * 1_024,
                handler: hear
            ).limited(as: .signed).finishing()
        ]
    }

    private func hear(_ call: Call) async throws -> Reply {
        guard let name = call.parameters["name"], let webhook = services.webhooks[name] else {
            throw Problem.notFound("There is no such payment provider.")
        }
        let notice: ProviderNotice?
        do throws(ProviderNoticeError) {
            notice = try webhook(call.headers[.stripeSignature], call.body)
        } catch {
            throw Problem.malformedRequest("\(error).")
        }
        if let notice {
            do throws(Refusal) {
                let looks = try await services.notices.hear(notice)
                call.logger.debug(
                    "a provider gave notice",
                    metadata: ["event": "\(notice.id)", "kind": "\(notice.kind)", "looksAgain": "\(looks)"])
            } catch { throw Problem(error) }
        }
        return .json(.ok, #"{"received":true}"#)
    }
}

extension HTTPField.Name {
    static let stripeSignature = HTTPField.Name("Stripe-Signature")!
}
