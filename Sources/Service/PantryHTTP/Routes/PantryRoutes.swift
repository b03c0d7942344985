/// Every route of this version.
package enum PantryRoutes {
    package static func all(_ services: PantryServices, state: ServerState) -> [Route] {
        let routes =
            OrganizationRoutes(services: services).all + KeyRoutes(services: services).all
            + SessionRoutes(services: services).all
            + ProductRoutes(services: services).all + StockRoutes(services: services).all
            + ImportRoutes(services: services).all
            + OrderRoutes(services: services).all + EventRoutes(services: services).all
            + OperatorRoutes(services: services).all
            + SagaRoutes(services: services).all + DatabaseRoutes(services: services).all
            + BreakerRoutes(services: services).all + ProviderRoutes(services: services).all
            + LimitRoutes(services: services).all
            + HealthRoutes(services: services, state: state).all + MetricsRoutes(services: services).all
            + OpenAPIRoutes().all
        return routes.map { $0.noting(in: services) }
    }
}
