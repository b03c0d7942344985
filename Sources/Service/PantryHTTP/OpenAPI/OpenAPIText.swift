// swift-format-ignore-file
// Made by scripts/embed-openapi from openapi/pantry-v1.yaml; change that file and run the script.

/// The API's description, as the binary carries it.
enum OpenAPIText {
    static let yaml = #"""
openapi: 3.1.0
info:
  title: Pantry
  version: 0.1.0
  summary: Orders and inventory for many organizations, without overselling and without charging twice.
  description: |
    JSON with camelCase members under `/v1`. A request that is well-formed but wrong is told everything that is wrong with it at
    once; members and query parameters that a route does not know are refused, so that a typo never does something else quietly.

    **Credentials.** `Authorization: Bearer KEY`, where `KEY` is an organization's API key or a session's token with one of three roles
    (`read`, `write`, `admin`; each includes those before it), or the operator's token for `/v1/organizations` and `/ops`. Neither opens the other's
    routes. Another organization's things are not found, never forbidden.

    **Idempotency.** `Idempotency-Key` is required where stock or money moves and taken on every other write. Its scope is the
    organization and the route, and it is kept for at least 24 hours, in the transaction of the effect. A repeat hears the first
    answer with `Idempotent-Replayed: true`; after a 202 it hears the order's present state, or of a cancel or refund 409
    `idempotency-in-progress` until that is done. One that the provider has refused meanwhile is tried anew.

    **Errors** are problem documents (RFC 9457). Branch on `code`, never on `detail`. `retryable` tells whether the same request may
    succeed later unchanged; where a pause is due, `Retry-After` gives it in seconds.

    **Consistency.** Writes answer with `Pantry-Consistency-Token`, the operator's too. A read that sends it back never shows an older
    state; a read in a session is as fresh as if it had sent that of the session's last write. `?consistency=strong` or `eventual` overrides that. `Pantry-Served-By` names who answered a read. A token is good for reads of
    the organization that was written, whoever reads. The operator's reads come from the primary anyway; one that is about a single
    organization takes its token all the same, and those of sagas tell when its write was lost in a failover.

    **Limits.** An organization may make so many requests, and so many of them new orders, as its plan says; who shows no valid
    credentials is limited by address. Over a limit: 429 `rate-limited` with `Retry-After`, and nothing is consumed. Answers whose request
    was charged have `RateLimit-Policy` and `RateLimit`, unless the server is configured to tell it otherwise. The operator has no limits.

    **Every answer** has `X-Request-Id`: the caller's own when the request brought one (1 to 128 of `A-Z a-z 0-9 . _ -`).
    A W3C `traceparent` is passed on into events. `HEAD` is answered wherever `GET` is, and `OPTIONS` with 204 and `Allow`.

    Times are RFC 3339 in UTC with milliseconds. Money is an amount in minor units with a currency; amounts are at most 2⁵³ − 1, so
    that every JSON parser reads them exactly. Integers are written without fraction and exponent: `2`, not `2.0`.
  license:
    name: Apache-2.0
    identifier: Apache-2.0
servers:
  - url: /
    description: The server that this document comes from
tags:
  - name: Orders
    description: From a calculation to a refund. An order reserves its stock before its card is charged.
  - name: Products
    description: What can be ordered, and for how much.
  - name: Stock
    description: Balances, counts, adjustments, and the append-only ledger behind them.
  - name: Events
    description: What happens to orders, payments and stock, as it happens.
  - name: Organization
    description: The caller's own organization and its API keys.
  - name: Sessions
    description: Credentials for users of an organization, which know how far their own writes have come.
  - name: Organizations
    description: For the operator, all organizations of the installation.
  - name: Operations
    description: For the operator, what the command line does with any organization.
  - name: Providers
    description: What payment providers say by themselves, signed.
  - name: Health
    description: Probes and metrics, without credentials.
  - name: Documentation
    description: This document, for programs and for people.
paths:
  /v1/orders:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: placeOrder
      tags: [Orders]
      summary: Place an order
      description: |
        Reserves the stock, charges the payment method once, and answers when both are durable.

        - 201: confirmed. Stock is reserved and the money is taken.
        - 202: accepted, not settled yet. The provider fails or is slow; the order goes on by itself and keeps its stock meanwhile. While the
          provider is known not to work, this comes at once.
        - 402: declined. The order has failed and its stock was back before this answer.
        - 409 `out-of-stock`: refused before any card was touched. Each product that is short stands in `lines`.

        With `"onPaymentUnavailable": "fail"` an order whose payment cannot be made now is undone instead of waiting: 503.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/RequiredIdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/OrderRequest' }
            example: { items: [{ sku: '1005921', quantity: 2 }, { sku: '7143616', quantity: 1 }], metadata: { basket: B-17 } }
      responses:
        '200':
          description: A repeat of an order that was answered 202 and has been settled since, as it is now.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            Location: { $ref: '#/components/headers/Location' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Order' }
              example:
                id: ord_01m86qprwkfpqrvsz320xsw0k7
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                status: confirmed
                total: { amount: 250, currency: USD }
                items:
                  - sku: '1005921'
                    quantity: 1
                    unitPrice: { amount: 250, currency: USD }
                    amount: { amount: 250, currency: USD }
                payment:
                  id: pay_01m86qprwkfpqv6a7330e7gedf
                  status: captured
                  method: pm_error
                  captured: { amount: 250, currency: USD }
                  refunded: { amount: 0, currency: USD }
                createdAt: '2026-11-24T12:15:19.955Z'
                updatedAt: '2026-11-24T12:15:51.208Z'
        '201':
          description: Confirmed.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            Location: { $ref: '#/components/headers/Location' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Order' }
              example:
                id: ord_01m86qprvqfpqtgfbywambwch0
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                status: confirmed
                total: { amount: 649, currency: USD }
                items:
                  - sku: '1005921'
                    quantity: 2
                    unitPrice: { amount: 250, currency: USD }
                    amount: { amount: 500, currency: USD }
                  - sku: '7143616'
                    quantity: 1
                    unitPrice: { amount: 149, currency: USD }
                    amount: { amount: 149, currency: USD }
                payment:
                  id: pay_01m86qprvqfpqvv6zbn19ntbb1
                  status: captured
                  method: pm_ok
                  captured: { amount: 649, currency: USD }
                  refunded: { amount: 0, currency: USD }
                metadata: { basket: B-17 }
                createdAt: '2026-11-24T12:15:19.927Z'
                updatedAt: '2026-11-24T12:15:19.939Z'
          links:
            getOrder: { $ref: '#/components/links/getOrder' }
            getOrderTimeline: { $ref: '#/components/links/getOrderTimeline' }
            cancelOrder: { $ref: '#/components/links/cancelOrder' }
            fulfillOrder: { $ref: '#/components/links/fulfillOrder' }
            refundOrder: { $ref: '#/components/links/refundOrder' }
        '202':
          description: Accepted; the payment is not settled yet.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            Location: { $ref: '#/components/headers/Location' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Order' }
              example:
                id: ord_01m86qprwkfpqrvsz320xsw0k7
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                status: pending
                total: { amount: 250, currency: USD }
                items:
                  - sku: '1005921'
                    quantity: 1
                    unitPrice: { amount: 250, currency: USD }
                    amount: { amount: 250, currency: USD }
                payment:
                  id: pay_01m86qprwkfpqv6a7330e7gedf
                  status: queued
                  method: pm_error
                  captured: { amount: 0, currency: USD }
                  refunded: { amount: 0, currency: USD }
                  message: Payment will be processed shortly
                createdAt: '2026-11-24T12:15:19.955Z'
                updatedAt: '2026-11-24T12:15:19.955Z'
          links:
            getOrder: { $ref: '#/components/links/getOrder' }
            getOrderTimeline: { $ref: '#/components/links/getOrderTimeline' }
            cancelOrder: { $ref: '#/components/links/cancelOrder' }
        '400': { $ref: '#/components/responses/BadKeyedRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '402': { $ref: '#/components/responses/PaymentDeclined' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '409':
          description: Too little stock (kept for the key's repeats), or the first attempt with this key has not ended.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/OptionalConsistencyToken' }
            Retry-After: { $ref: '#/components/headers/OptionalRetryAfter' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/problem+json:
              schema:
                allOf:
                  - { $ref: '#/components/schemas/Problem' }
                  - properties: { code: { enum: [out-of-stock, idempotency-in-progress] } }
              examples:
                out-of-stock: { $ref: '#/components/examples/out-of-stock' }
                idempotency-in-progress: { $ref: '#/components/examples/idempotency-in-progress' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/UnavailableForOrders' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    get:
      operationId: listOrders
      tags: [Orders]
      summary: List orders
      description: Newest first. A cursor belongs to the same filters.
      security: [{ ApiKey: [read] }]
      parameters:
        - name: status
          in: query
          description: Only orders of this status.
          schema: { $ref: '#/components/schemas/OrderStatus' }
        - name: createdAfter
          in: query
          description: Only orders made after this moment. A `+` of an offset is written `%2B`.
          schema: { type: string, format: date-time }
          example: '2026-11-23T09:05:01Z'
        - { $ref: '#/components/parameters/Limit' }
        - { $ref: '#/components/parameters/Cursor' }
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: A page of orders.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data, page]
                properties:
                  data: { type: array, maxItems: 100, items: { $ref: '#/components/schemas/Order' } }
                  page: { $ref: '#/components/schemas/Page' }
              example:
                data:
                  - id: ord_01m86qprvqfpqtgfbywambwch0
                    organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                    status: confirmed
                    total: { amount: 649, currency: USD }
                    items:
                      - sku: '1005921'
                        quantity: 2
                        unitPrice: { amount: 250, currency: USD }
                        amount: { amount: 500, currency: USD }
                      - sku: '7143616'
                        quantity: 1
                        unitPrice: { amount: 149, currency: USD }
                        amount: { amount: 149, currency: USD }
                    payment:
                      id: pay_01m86qprvqfpqvv6zbn19ntbb1
                      status: captured
                      method: pm_ok
                      captured: { amount: 649, currency: USD }
                      refunded: { amount: 0, currency: USD }
                    metadata: { basket: B-17 }
                    createdAt: '2026-11-24T12:15:19.927Z'
                    updatedAt: '2026-11-24T12:15:19.939Z'
                page: { nextCursor: null, hasMore: false }
        '400': { $ref: '#/components/responses/BadListRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/orders/calculate:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: calculateOrder
      tags: [Orders]
      summary: Calculate an order
      description: |
        What the order would cost and whether it could be had now. It has no effect and promises nothing. The body is an order's; only
        `items` matters. An `Idempotency-Key` is accepted and changes nothing.
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/OrderRequest' }
            example: { items: [{ sku: '1005921', quantity: 2 }, { sku: '7143616', quantity: 1 }] }
      responses:
        '200':
          description: Totals and availability.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Calculation' }
              example:
                total: { amount: 649, currency: USD }
                items:
                  - sku: '1005921'
                    quantity: 2
                    unitPrice: { amount: 250, currency: USD }
                    amount: { amount: 500, currency: USD }
                  - sku: '7143616'
                    quantity: 1
                    unitPrice: { amount: 149, currency: USD }
                    amount: { amount: 149, currency: USD }
                available: true
                availability: [{ sku: '1005921', requested: 2, available: 20 }, { sku: '7143616', requested: 1, available: 12 }]
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/orders/{id}:
    parameters:
      - { $ref: '#/components/parameters/OrderID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getOrder
      tags: [Orders]
      summary: Show an order
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: The order.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Order' }
              example:
                id: ord_01m86qprvqfpqtgfbywambwch0
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                status: confirmed
                total: { amount: 649, currency: USD }
                items:
                  - sku: '1005921'
                    quantity: 2
                    unitPrice: { amount: 250, currency: USD }
                    amount: { amount: 500, currency: USD }
                  - sku: '7143616'
                    quantity: 1
                    unitPrice: { amount: 149, currency: USD }
                    amount: { amount: 149, currency: USD }
                payment:
                  id: pay_01m86qprvqfpqvv6zbn19ntbb1
                  status: captured
                  method: pm_ok
                  captured: { amount: 649, currency: USD }
                  refunded: { amount: 0, currency: USD }
                metadata: { basket: B-17 }
                createdAt: '2026-11-24T12:15:19.927Z'
                updatedAt: '2026-11-24T12:15:19.939Z'
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/orders/{id}/timeline:
    parameters:
      - { $ref: '#/components/parameters/OrderID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getOrderTimeline
      tags: [Orders]
      summary: Show what happened to an order
      description: |
        The order's sagas, oldest first: its checkout, and a cancel or refunds that followed. Each tells entry by entry what was
        done, tried and undone, and when it goes on by itself if it is not done.
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: The timeline.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Timeline' }
              example:
                orderId: ord_01m86qprvqfpqtgfbywambwch0
                isComplete: true
                data:
                  - id: saga_01m86qprvqfpqv2tay0g7gvb72
                    saga: checkout
                    state: succeeded
                    attempts: 0
                    reason: null
                    nextTryAt: null
                    startedAt: '2026-11-24T12:15:19.927Z'
                    updatedAt: '2026-11-24T12:15:19.939Z'
                    steps:
                      - { entry: 1, at: '2026-11-24T12:15:19.927Z', step: reserve, event: began, attempt: 0, detail: null }
                      - { entry: 2, at: '2026-11-24T12:15:19.927Z', step: reserve, event: completed, attempt: 0, detail: null }
                      - entry: 3
                        at: '2026-11-24T12:15:19.927Z'
                        step: charge
                        event: intended
                        attempt: 0
                        detail: null
                      - entry: 4
                        at: '2026-11-24T12:15:19.939Z'
                        step: charge
                        event: completed
                        attempt: 0
                        detail: null
                      - { entry: 5, at: '2026-11-24T12:15:19.939Z', step: confirm, event: completed, attempt: 0, detail: null }
                      - { entry: 6, at: '2026-11-24T12:15:19.939Z', step: confirm, event: ended, attempt: 0, detail: succeeded }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/orders/{id}/cancel:
    parameters:
      - { $ref: '#/components/parameters/OrderID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: cancelOrder
      tags: [Orders]
      summary: Cancel an order
      description: |
        A pending order that waits for its payment, or a confirmed one. Stock and money are back before the answer; 202 when the
        provider did not answer in time and the refund goes on by itself. Should the provider refuse it then, the order stays as
        it was, and the cancel is `compensated` in its timeline, with the provider's code in `reason`.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/Nothing' }
      responses:
        '200':
          description: Canceled.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Order' }
              example:
                id: ord_01m86qpsjsfpqsbr1bx5398kpx
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                status: canceled
                total: { amount: 298, currency: USD }
                items:
                  - sku: '7143616'
                    quantity: 2
                    unitPrice: { amount: 149, currency: USD }
                    amount: { amount: 298, currency: USD }
                payment:
                  id: pay_01m86qpsjsfpqs1276q87zv05n
                  status: refunded
                  method: pm_ok
                  captured: { amount: 298, currency: USD }
                  refunded: { amount: 298, currency: USD }
                reason: canceled
                createdAt: '2026-11-24T12:15:20.665Z'
                updatedAt: '2026-11-24T12:15:20.694Z'
        '202': { $ref: '#/components/responses/OrderAccepted' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '402': { $ref: '#/components/responses/PaymentDeclined' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/OrderConflict' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/UnavailableForOrders' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/orders/{id}/fulfill:
    parameters:
      - { $ref: '#/components/parameters/OrderID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: fulfillOrder
      tags: [Orders]
      summary: Fulfill an order
      description: The units of a confirmed order leave the shelf. Money can still be given back afterwards.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/Nothing' }
      responses:
        '200':
          description: Fulfilled.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Order' }
              example:
                id: ord_01m86qprvqfpqtgfbywambwch0
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                status: fulfilled
                total: { amount: 649, currency: USD }
                items:
                  - sku: '1005921'
                    quantity: 2
                    unitPrice: { amount: 250, currency: USD }
                    amount: { amount: 500, currency: USD }
                  - sku: '7143616'
                    quantity: 1
                    unitPrice: { amount: 149, currency: USD }
                    amount: { amount: 149, currency: USD }
                payment:
                  id: pay_01m86qprvqfpqvv6zbn19ntbb1
                  status: partiallyRefunded
                  method: pm_ok
                  captured: { amount: 649, currency: USD }
                  refunded: { amount: 149, currency: USD }
                metadata: { basket: B-17 }
                createdAt: '2026-11-24T12:15:19.927Z'
                updatedAt: '2026-11-24T12:15:20.653Z'
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/OrderConflict' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/orders/{id}/refunds:
    parameters:
      - { $ref: '#/components/parameters/OrderID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: refundOrder
      tags: [Orders]
      summary: Refund an order
      description: |
        Gives money back, in part or, without `amount`, all that is left. A confirmed order whose money is all back becomes
        `refunded` and its units are the shop's again; a fulfilled one stays fulfilled. 202 when the provider did not answer in time
        and the refund goes on by itself. Should the provider refuse it then, the order stays as it was, and the refund is
        `compensated` in its timeline, with the provider's code in `reason`.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/RequiredIdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/RefundRequest' }
            example: { amount: { amount: 149, currency: USD }, reason: damaged }
      responses:
        '201':
          description: The order after the refund.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            Location: { $ref: '#/components/headers/Location' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Order' }
              example:
                id: ord_01m86qprvqfpqtgfbywambwch0
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                status: confirmed
                total: { amount: 649, currency: USD }
                items:
                  - sku: '1005921'
                    quantity: 2
                    unitPrice: { amount: 250, currency: USD }
                    amount: { amount: 500, currency: USD }
                  - sku: '7143616'
                    quantity: 1
                    unitPrice: { amount: 149, currency: USD }
                    amount: { amount: 149, currency: USD }
                payment:
                  id: pay_01m86qprvqfpqvv6zbn19ntbb1
                  status: partiallyRefunded
                  method: pm_ok
                  captured: { amount: 649, currency: USD }
                  refunded: { amount: 149, currency: USD }
                metadata: { basket: B-17 }
                createdAt: '2026-11-24T12:15:19.927Z'
                updatedAt: '2026-11-24T12:15:20.647Z'
          links:
            getOrder: { $ref: '#/components/links/getOrder' }
            getOrderTimeline: { $ref: '#/components/links/getOrderTimeline' }
            fulfillOrder: { $ref: '#/components/links/fulfillOrder' }
        '202': { $ref: '#/components/responses/OrderAccepted' }
        '400': { $ref: '#/components/responses/BadKeyedRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '402': { $ref: '#/components/responses/PaymentDeclined' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/OrderConflict' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/UnavailableForOrders' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/products:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: createProduct
      tags: [Products]
      summary: Add a product
      description: With an empty stock row. A deleted product of the same SKU comes back, with the stock and ledger it had.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/ProductRequest' }
            example:
              sku: '1005921'
              name: Instore Cut Vegetables
              unitPrice: { amount: 250, currency: USD }
              category: Chef Shoppe
              attributes: { organic: true }
      responses:
        '201':
          description: Added.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            Location: { $ref: '#/components/headers/Location' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Product' }
              example:
                sku: '1005921'
                name: Instore Cut Vegetables
                unitPrice: { amount: 250, currency: USD }
                category: Chef Shoppe
                attributes: { organic: true }
                createdAt: '2026-11-24T12:15:19.869Z'
                updatedAt: '2026-11-24T12:15:19.869Z'
          links:
            getProduct: { operationId: getProduct, parameters: { sku: $response.body#/sku } }
            updateProduct: { operationId: updateProduct, parameters: { sku: $response.body#/sku } }
            deleteProduct: { operationId: deleteProduct, parameters: { sku: $response.body#/sku } }
            getStock: { operationId: getStock, parameters: { sku: $response.body#/sku } }
            countStock: { operationId: countStock, parameters: { sku: $response.body#/sku } }
            adjustStock: { operationId: adjustStock, parameters: { sku: $response.body#/sku } }
            listStockMovements: { operationId: listStockMovements, parameters: { sku: $response.body#/sku } }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '409':
          description: There is a product of this SKU already.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/problem+json:
              schema:
                allOf:
                  - { $ref: '#/components/schemas/Problem' }
                  - properties: { code: { const: already-exists } }
              example:
                type: 'https://pantry.dev/problems/already-exists'
                title: Already exists
                status: 409
                detail: 'There is a product “1005921” already.'
                code: already-exists
                requestId: '275f5f683a9720d8fdc8f4ee37422a58'
                retryable: false
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    get:
      operationId: listProducts
      tags: [Products]
      summary: List and search products
      description: By SKU. A cursor belongs to the same search.
      security: [{ ApiKey: [read] }]
      parameters:
        - name: q
          in: query
          description: A part of the name or the SKU, upper or lower case (ASCII letters).
          schema: { type: string, minLength: 1, maxLength: 200, pattern: '^[^\x00-\x1F\x7F-\x9F]*$' }
          example: vegetables
        - { $ref: '#/components/parameters/Limit' }
        - { $ref: '#/components/parameters/Cursor' }
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: A page of products.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data, page]
                properties:
                  data: { type: array, maxItems: 100, items: { $ref: '#/components/schemas/Product' } }
                  page: { $ref: '#/components/schemas/Page' }
              example:
                data:
                  - sku: '1005921'
                    name: Instore Cut Vegetables
                    unitPrice: { amount: 250, currency: USD }
                    category: Chef Shoppe
                    attributes: { organic: true }
                    createdAt: '2026-11-24T12:15:19.869Z'
                    updatedAt: '2026-11-24T12:15:19.869Z'
                page:
                  nextCursor: '1.dE4jiM4LEiIkFLit3lGQxpBuRzR0xOAyaXELpvNiLxqI3_wKwfq9m1lICxvmLIBbZv90LXE_vJUe8lbeHhpz3h7hWZoPIPIv5clhImHNvhUTq3q4QV0FEMRuJs87ssaCMQ4M'
                  hasMore: true
        '400': { $ref: '#/components/responses/BadListRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/products/{sku}:
    parameters:
      - { $ref: '#/components/parameters/SKU' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getProduct
      tags: [Products]
      summary: Show a product
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: The product.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Product' }
              example:
                sku: '1005921'
                name: Instore Cut Vegetables
                unitPrice: { amount: 250, currency: USD }
                category: Chef Shoppe
                attributes: { organic: true }
                createdAt: '2026-11-24T12:15:19.869Z'
                updatedAt: '2026-11-24T12:15:19.869Z'
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    patch:
      operationId: updateProduct
      tags: [Products]
      summary: Change a product
      description: |
        Members that are not there stay as they are; `null` takes `category` or `attributes` away. Orders keep the price that they
        were placed at.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/ProductPatch' }
            example: { unitPrice: { amount: 275, currency: USD }, attributes: null }
      responses:
        '200':
          description: The product as it is now.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Product' }
              example:
                sku: '1005921'
                name: Instore Cut Vegetables
                unitPrice: { amount: 275, currency: USD }
                category: Chef Shoppe
                attributes: {}
                createdAt: '2026-11-24T12:15:19.869Z'
                updatedAt: '2026-11-24T12:15:20.628Z'
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    delete:
      operationId: deleteProduct
      tags: [Products]
      summary: Take a product out of sale
      description: Its orders, stock and ledger stay; creating the SKU again brings it back.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      responses:
        '204':
          description: Out of sale.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '422': { $ref: '#/components/responses/KeyReused' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/product-imports:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: importProducts
      tags: [Products]
      summary: Import products
      description: |
        Makes or changes products row by row, and counts their stock where `onHand` is given. The body is read as it comes: up to 256
        MiB, for as long as something comes every 30 seconds. A row that is wrong harms no other: it is counted in `failed` and
        explained in `errors`, and the answer is still 200. What is already as its row says is not written, so that the same file
        again changes nothing. With an `Idempotency-Key`, a repeat goes on behind the last durable row.

        - NDJSON: one `ProductImportLine` a line.
        - CSV (RFC 4180): the first line names the columns `sku,name,amount,currency,category,onHand`, in any order; `category` and
          `onHand` may be left out.

        What cannot be cut into rows is 400 with the `line`. A problem that stops an import says in `import` what became of the rows
        before it; those stay imported.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/ProductImport' }
      responses:
        '200': { $ref: '#/components/responses/ProductImportResult' }
        '400': { $ref: '#/components/responses/UnreadableImport' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '408': { $ref: '#/components/responses/ImportTimeout' }
        '409': { $ref: '#/components/responses/IdempotencyInProgress' }
        '413': { $ref: '#/components/responses/ImportTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/ImportKeyReused' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/ImportUnavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/stock:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: listStock
      tags: [Stock]
      summary: List balances
      description: By SKU, of all products or of those named. SKUs without a product are left out.
      security: [{ ApiKey: [read] }]
      parameters:
        - name: sku
          in: query
          description: Only these products; may occur up to 100 times.
          style: form
          explode: true
          schema: { type: array, maxItems: 100, items: { $ref: '#/components/schemas/SKU' } }
          example: ['1005921', '7143616']
        - { $ref: '#/components/parameters/Limit' }
        - { $ref: '#/components/parameters/Cursor' }
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: A page of balances.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data, page]
                properties:
                  data: { type: array, maxItems: 100, items: { $ref: '#/components/schemas/Stock' } }
                  page: { $ref: '#/components/schemas/Page' }
              example:
                data:
                  - { sku: '1005921', onHand: 20, reserved: 3, available: 17 }
                  - { sku: '7143616', onHand: 12, reserved: 1, available: 11 }
                page: { nextCursor: null, hasMore: false }
        '400': { $ref: '#/components/responses/BadListRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/stock/{sku}:
    parameters:
      - { $ref: '#/components/parameters/SKU' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getStock
      tags: [Stock]
      summary: Show a balance
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: The balance.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Stock' }
              example: { sku: '1005921', onHand: 20, reserved: 3, available: 17 }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    put:
      operationId: countStock
      tags: [Stock]
      summary: Count what is on the shelf
      description: |
        Sets the balance, with a ledger row for the difference; `movement` is missing when there is none. With `expectedOnHand` the
        count is refused if somebody has changed the balance meanwhile. What orders hold must stay on hand: 422 otherwise.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/RequiredIdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/StockCount' }
            example: { onHand: 20, expectedOnHand: 0 }
      responses:
        '200':
          description: The balance after the count.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/StockChange' }
              example:
                sku: '1005921'
                onHand: 20
                reserved: 0
                available: 20
                movement:
                  id: mov_01m86qprtkfpqrvwr7hkshbv9k
                  sku: '1005921'
                  delta: 20
                  reason: count
                  reference: null
                  at: '2026-11-24T12:15:19.891Z'
          links:
            getStock: { operationId: getStock, parameters: { sku: $response.body#/sku } }
            listStockMovements: { operationId: listStockMovements, parameters: { sku: $response.body#/sku } }
            placeOrder:
              operationId: placeOrder
              requestBody: { items: [{ sku: $response.body#/sku, quantity: 1 }] }
        '400': { $ref: '#/components/responses/BadKeyedRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409':
          description: The balance is not `expectedOnHand`; `current` says what it is.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/problem+json:
              schema:
                allOf:
                  - { $ref: '#/components/schemas/Problem' }
                  - properties: { code: { const: stock-changed } }
              example:
                type: 'https://pantry.dev/problems/stock-changed'
                title: Stock changed
                status: 409
                detail: 'There are 20 units on hand, not expectedOnHand; count again or send the new number.'
                code: stock-changed
                requestId: '275f5f683a9720d8a60bb805b7ae122c'
                retryable: false
                current: { onHand: 20 }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/stock/{sku}/adjustments:
    parameters:
      - { $ref: '#/components/parameters/SKU' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: adjustStock
      tags: [Stock]
      summary: Adjust stock
      description: Units that come or go, and why. What orders hold must stay on hand, 422 otherwise.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/RequiredIdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/StockAdjustment' }
            example: { delta: 12, reason: delivery, reference: DN-1204 }
      responses:
        '201':
          description: The balance after the adjustment, and its ledger row.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/StockChange' }
              example:
                sku: '7143616'
                onHand: 12
                reserved: 0
                available: 12
                movement:
                  id: mov_01m86qprvafpqt3ff15xsem21c
                  sku: '7143616'
                  delta: 12
                  reason: delivery
                  reference: DN-1204
                  at: '2026-11-24T12:15:19.914Z'
          links:
            getStock: { operationId: getStock, parameters: { sku: $response.body#/sku } }
            listStockMovements: { operationId: listStockMovements, parameters: { sku: $response.body#/sku } }
        '400': { $ref: '#/components/responses/BadKeyedRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/stock/{sku}/ledger:
    parameters:
      - { $ref: '#/components/parameters/SKU' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: listStockMovements
      tags: [Stock]
      summary: List stock movements
      description: Oldest first. The ledger is append-only, and its deltas add up to `onHand`. A deleted product keeps its ledger.
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/Limit' }
        - { $ref: '#/components/parameters/Cursor' }
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: A page of movements.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data, page]
                properties:
                  data: { type: array, maxItems: 100, items: { $ref: '#/components/schemas/StockMovement' } }
                  page: { $ref: '#/components/schemas/Page' }
              example:
                data:
                  - id: mov_01m86qprtkfpqrvwr7hkshbv9k
                    sku: '1005921'
                    delta: 20
                    reason: count
                    reference: null
                    at: '2026-11-24T12:15:19.891Z'
                  - id: mov_01m86qpsjdfpqv75yg60235emx
                    sku: '1005921'
                    delta: -2
                    reason: fulfilled
                    reference: ord_01m86qprvqfpqtgfbywambwch0
                    at: '2026-11-24T12:15:20.653Z'
                page: { nextCursor: null, hasMore: false }
        '400': { $ref: '#/components/responses/BadListRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/events:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: listEvents
      tags: [Events]
      summary: Follow events
      description: |
        With `Accept: text/event-stream`, or without `wait`, a stream of server-sent events that does not end by itself: `id` is the
        event's `position`, `event` its type, `data` the event on one line. A comment comes after 15 s of silence. When the stream is
        cut, a client connects again and sends the last `id` as `Last-Event-ID`, as `EventSource` does by itself; the first block of a
        stream has an `id`, too, so that nothing is lost that comes before the first event. With `wait`, a long poll: the events there
        are, at once, or those that come within so many seconds.

        Every event comes at least once. Positions rise, and events of one `partitionkey` come in the order of their `sequence`; an event
        that comes again has the same `id` and `position`. A read that sends an event's `consistencytoken` back as
        `Pantry-Consistency-Token` sees at least the state that the event tells of. A database that fails over with asynchronous
        replication may lose its last events and give their positions anew: sent with this request, the token of the last event is
        answered with 409 when its write is gone.

        Without `after` and `Last-Event-ID`: the events from now on. `0` is the start. Opening a stream, and each poll, is charged as
        one request; 64 may wait at a time for an organization, and no stream or poll takes the place of another request. When the server
        stops, streams end and polls are answered at once. A revoked key ends its streams.
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/ConsistencyToken' }
        - name: after
          in: query
          description: |
            The position behind which to go on: the `id` of a streamed event, or a poll's `nextCursor`. For clients that cannot set headers;
            `Last-Event-ID` wins.
          schema: { type: string, pattern: '^[0-9]{1,18}$' }
          example: '1042'
        - name: Last-Event-ID
          in: header
          description: The position behind which to go on, as `after`.
          schema: { type: string, pattern: '^[0-9]{1,18}$' }
          example: '1042'
        - name: wait
          in: query
          description: How many seconds to wait for events, instead of a stream.
          schema: { type: integer, minimum: 0, maximum: 60 }
          example: 30
        - name: limit
          in: query
          description: How many events a poll is answered with at most. A stream has no limit.
          schema: { type: integer, minimum: 1, maximum: 100, default: 50 }
      responses:
        '200':
          description: The stream, or the events behind the position, oldest first. An empty list says that none came in time.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Cache-Control: { $ref: '#/components/headers/No-Store' }
            X-Accel-Buffering: { $ref: '#/components/headers/X-Accel-Buffering' }
            Pantry-Served-By: { $ref: '#/components/headers/PollServedBy' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/PollConsistencyToken' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data, page]
                properties:
                  data: { type: array, maxItems: 100, items: { $ref: '#/components/schemas/Event' } }
                  page: { $ref: '#/components/schemas/EventPage' }
              example:
                data:
                  - specversion: '1.0'
                    id: evt_01m86qprvqfpqv3x7t1m0dqz5e
                    source: /organizations/org_01m86qprmrfpqs1ctaaj1wf9kd
                    type: inventory:adjusted
                    time: '2026-11-24T12:15:19.891Z'
                    subject: '1005921'
                    organizationid: org_01m86qprmrfpqs1ctaaj1wf9kd
                    partitionkey: '1005921'
                    sequence: '1'
                    position: 1043
                    consistencytoken: '1.qr0x3NfVb1tJ2Zk8mWc7Yp4uH6sLd9Ae_GoTiRwXvCzMKyBQnPfDhSjU5E'
                    data: { sku: '1005921', delta: 20, onHand: 20, reason: count }
                page: { nextCursor: '1043', hasMore: false }
            text/event-stream:
              schema: { type: string }
              example: |
                retry: 2000
                id: 1042

                id: 1043
                event: inventory:adjusted
                data: {"specversion":"1.0","id":"evt_01m86qprvqfpqv3x7t1m0dqz5e","type":"inventory:adjusted","position":1043}

                :

        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/organization:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getOwnOrganization
      tags: [Organization]
      summary: Show the caller's own organization
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: The organization.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Organization' }
              example:
                id: org_01m86qprmrfpqs1ctaaj1wf9kd
                number: 0
                name: Corner Shop
                plan: standard
                region: null
                shard: shard-0
                createdAt: '2026-11-24T12:15:19.704Z'
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/keys:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: createKey
      tags: [Organization]
      summary: Make an API key
      description: The key is shown once and stored hashed. A session is refused (403), because a key has no end.
      security: [{ ApiKey: [admin] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/Key' }
      responses:
        '201':
          description: Made; `apiKey` is not shown again, except to a repeat with the same `Idempotency-Key`.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/ControlConsistencyToken' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/NewKey' }
              example:
                id: key_01m86qpsm9fpqvrt5489vqzkj7
                role: read
                createdAt: '2026-11-24T12:15:20.713Z'
                revokedAt: null
                apiKey: key_01m86qpsm9fpqvrt5489vqzkj7.3OET1BI5acPbflOqEntwroCLDUmTBvLLIO2kZnFsrQE
          links:
            revokeKey: { operationId: revokeKey, parameters: { id: $response.body#/id } }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    get:
      operationId: listKeys
      tags: [Organization]
      summary: List API keys
      description: Oldest first, revoked ones included.
      security: [{ ApiKey: [admin] }]
      parameters:
        - { $ref: '#/components/parameters/Limit' }
        - { $ref: '#/components/parameters/Cursor' }
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200': { $ref: '#/components/responses/KeyList' }
        '400': { $ref: '#/components/responses/BadListRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/keys/{id}:
    parameters:
      - name: id
        in: path
        required: true
        description: The key's id, the part before the dot.
        schema: { $ref: '#/components/schemas/KeyID' }
        example: key_01m86qpsm9fpqvrt5489vqzkj7
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    delete:
      operationId: revokeKey
      tags: [Organization]
      summary: Revoke an API key
      description: |
        Servers may go on accepting it for up to five seconds, or for as long as they cannot reach the control database; the one that
        answers this not at all. Sessions that were made with it go on to their own ends. A session is refused (403).
      security: [{ ApiKey: [admin] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      responses:
        '204':
          description: Revoked.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/ControlConsistencyToken' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '422': { $ref: '#/components/responses/KeyReused' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/sessions:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: createSession
      tags: [Sessions]
      summary: Make a session
      description: |
        A session stands for a user of the organization's own and lasts for 24 hours, one that is made in another session no longer than
        that. Its token is shown once and stored hashed, and is good for what a key of its role is good for. What is written in it is seen by
        its reads, on every server, without a `Pantry-Consistency-Token`.
      security: [{ ApiKey: [write] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/SessionRequest' }
            example: { subject: 'customer-4711', attributes: { language: de }, role: write }
      responses:
        '201':
          description: Made; `token` is not shown again, except to a repeat with the same `Idempotency-Key`.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/NewSession' }
              example:
                id: ses_01m86qpsm9fpqvrt5489vqzkj7
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                subject: customer-4711
                attributes: { language: de }
                role: write
                createdAt: '2026-11-24T12:15:20.713Z'
                expiresAt: '2026-11-25T12:15:20.713Z'
                token: ses_01m86qpsm9fpqvrt5489vqzkj7.0.3OET1BI5acPbflOqEntwroCLDUmTBvLLIO2kZnFsrQE
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/sessions/current:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getSession
      tags: [Sessions]
      summary: Show the session that asks
      description: |
        As the server remembers it, for up to five seconds; with `?consistency=strong`, or with a token, as its shard has it. An API key has
        no session: 404.
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/Consistency' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: The session, without its token.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/SessionServedBy' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Session' }
              example:
                id: ses_01m86qpsm9fpqvrt5489vqzkj7
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                subject: customer-4711
                attributes: { language: de }
                role: write
                createdAt: '2026-11-24T12:15:20.713Z'
                expiresAt: '2026-11-25T12:15:20.713Z'
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    delete:
      operationId: endSession
      tags: [Sessions]
      summary: End the session that asks
      description: |
        Other servers may go on accepting its token for up to five seconds, and answer this as the first one did; the one that answers this not
        at all. Sessions that were made in it go on. An API key has no session: 404.
      security: [{ ApiKey: [read] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      responses:
        '204':
          description: Ended.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '422': { $ref: '#/components/responses/KeyReused' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/providers/{name}/webhook:
    parameters:
      - name: name
        in: path
        required: true
        description: The provider that signs.
        schema: { type: string, const: stripe }
        example: stripe
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: receiveProviderEvent
      tags: [Providers]
      summary: Take an event of the payment provider
      description: |
        For Stripe to call, not for clients. The event is a reason to look, never a state: the saga of the order that it is about asks the
        provider again, now instead of later. One that has come before, or is about no order of this installation, does nothing. At most
        256 KiB. Not limited. The provider reads nothing here, and gets no `Pantry-Consistency-Token`.
      security: []
      parameters:
        - name: Stripe-Signature
          in: header
          required: true
          description: The time and the signatures of the body, at most five minutes from now.
          schema: { type: string, maxLength: 4096 }
          example: 't=1795910400,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd'
      requestBody:
        required: true
        description: The event, byte for byte as it was signed.
        content:
          '*/*':
            schema: { type: string }
      responses:
        '200':
          description: Heard; it need not be sent again.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [received]
                properties:
                  received: { const: true }
              example: { received: true }
        '400': { $ref: '#/components/responses/BadRequest' }
        '404': { $ref: '#/components/responses/NotFound' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/organizations:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: createOrganization
      tags: [Organizations]
      summary: Make an organization
      description: |
        With its first API key, an admin's, which is shown once. The token stands for the commit with which the organization's shard got to
        know of it; where that is still to be done, or was done before, as for a repeat, reads with it go to the primary.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/OrganizationRequest' }
            example: { name: Corner Shop }
      responses:
        '201':
          description: Made; `apiKey` is not shown again, except to a repeat with the same `Idempotency-Key`.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
            Location: { $ref: '#/components/headers/Location' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/NewOrganization' }
              example:
                id: org_01m86qprmrfpqs1ctaaj1wf9kd
                number: 0
                name: Corner Shop
                plan: standard
                region: null
                shard: shard-0
                createdAt: '2026-11-24T12:15:19.704Z'
                apiKey: key_01m86qprmrfpqscwm7e7nxkrc0.nrUT5gLuK4GGxqDq9hSMlRD0Pkw-GDGOi9GLi-xoyxU
          links:
            getOrganization: { operationId: getOrganization, parameters: { id: $response.body#/id } }
            updateOrganization: { operationId: updateOrganization, parameters: { id: $response.body#/id } }
            createOrganizationKey: { operationId: createOrganizationKey, parameters: { id: $response.body#/id } }
            listOrganizationKeys: { operationId: listOrganizationKeys, parameters: { id: $response.body#/id } }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    get:
      operationId: listOrganizations
      tags: [Organizations]
      summary: List organizations
      description: By number. A `Pantry-Consistency-Token` may be one of any organization.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/Limit' }
        - { $ref: '#/components/parameters/Cursor' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: A page of organizations.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data, page]
                properties:
                  data: { type: array, maxItems: 100, items: { $ref: '#/components/schemas/Organization' } }
                  page: { $ref: '#/components/schemas/Page' }
              example:
                data:
                  - id: org_01m86qprmrfpqs1ctaaj1wf9kd
                    number: 0
                    name: Corner Shop
                    plan: standard
                    region: null
                    shard: shard-0
                    createdAt: '2026-11-24T12:15:19.704Z'
                page: { nextCursor: null, hasMore: false }
        '400': { $ref: '#/components/responses/BadListRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /v1/organizations/{id}:
    parameters:
      - { $ref: '#/components/parameters/OrganizationID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getOrganization
      tags: [Organizations]
      summary: Show an organization
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: The organization.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Organization' }
              example:
                id: org_01m86qprmrfpqs1ctaaj1wf9kd
                number: 0
                name: Corner Shop
                plan: standard
                region: null
                shard: shard-0
                createdAt: '2026-11-24T12:15:19.704Z'
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    patch:
      operationId: updateOrganization
      tags: [Organizations]
      summary: Change an organization's plan
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/OrganizationPatch' }
            example: { plan: trial }
      responses:
        '200':
          description: The organization as it is now.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/ControlConsistencyToken' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Organization' }
              example:
                id: org_01m86qprmrfpqs1ctaaj1wf9kd
                number: 0
                name: Corner Shop
                plan: trial
                region: null
                shard: shard-0
                createdAt: '2026-11-24T12:15:19.704Z'
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/organizations/{id}/keys:
    parameters:
      - { $ref: '#/components/parameters/OrganizationID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: createOrganizationKey
      tags: [Operations]
      summary: Make an organization's API key
      description: What `pantry key create` calls.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/Key' }
      responses:
        '201':
          description: Made; `apiKey` is not shown again, except to a repeat with the same `Idempotency-Key`.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/ControlConsistencyToken' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/NewKey' }
              example:
                id: key_01m86qpsmtfpqvam2g92pvp3tr
                role: read
                createdAt: '2026-11-24T12:15:20.730Z'
                revokedAt: null
                apiKey: key_01m86qpsmtfpqvam2g92pvp3tr.I_Ri7TMAsknmY8K2tsboG_y5fTJAVN61JDKPtJ5-QnI
          links:
            revokeOrganizationKey:
              operationId: revokeOrganizationKey
              parameters: { id: $request.path.id, key: $response.body#/id }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
    get:
      operationId: listOrganizationKeys
      tags: [Operations]
      summary: List an organization's API keys
      description: Oldest first, revoked ones included.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/Limit' }
        - { $ref: '#/components/parameters/Cursor' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200': { $ref: '#/components/responses/KeyList' }
        '400': { $ref: '#/components/responses/BadListRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/organizations/{id}/keys/{key}:
    parameters:
      - { $ref: '#/components/parameters/OrganizationID' }
      - name: key
        in: path
        required: true
        description: The key's id, the part before the dot.
        schema: { $ref: '#/components/schemas/KeyID' }
        example: key_01m86qpsm9fpqvrt5489vqzkj7
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    delete:
      operationId: revokeOrganizationKey
      tags: [Operations]
      summary: Revoke an organization's API key
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      responses:
        '204':
          description: Revoked.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
            Pantry-Consistency-Token: { $ref: '#/components/headers/ControlConsistencyToken' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '422': { $ref: '#/components/responses/KeyReused' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/organizations/{id}/product-imports:
    parameters:
      - { $ref: '#/components/parameters/OrganizationID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: importOrganizationProducts
      tags: [Operations]
      summary: Import an organization's products
      description: What `pantry import products` calls; otherwise as `POST /v1/product-imports`.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/ProductImport' }
      responses:
        '200': { $ref: '#/components/responses/ProductImportResult' }
        '400': { $ref: '#/components/responses/UnreadableImport' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '408': { $ref: '#/components/responses/ImportTimeout' }
        '409': { $ref: '#/components/responses/IdempotencyInProgress' }
        '413': { $ref: '#/components/responses/ImportTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/ImportKeyReused' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/ImportUnavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/sagas:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: listSagas
      tags: [Operations]
      summary: List sagas
      description: |
        Of all organizations, youngest first; what `pantry saga list` calls. `?status=stuck` are those that wait for an operator. A
        cursor belongs to the same filters. A `Pantry-Consistency-Token` is one of `organization`, if that is given; without it, it may be
        one of any organization, and only with it the list tells when a write was lost.

        A shard that is away does not keep back the sagas of the others: it stands in `unreachable`, and what it has is missing on this page
        and, as far as it is younger, on those behind it. Begin again once it is back. 503 where no shard can be asked.
      security: [{ OperatorToken: [] }]
      parameters:
        - name: status
          in: query
          description: Only sagas in this state.
          schema: { $ref: '#/components/schemas/SagaStatus' }
        - name: definition
          in: query
          description: Only sagas of this definition.
          schema: { type: string, pattern: '^[A-Za-z0-9._-]{1,100}$' }
          example: checkout
        - name: organization
          in: query
          description: Only sagas of this organization.
          schema: { $ref: '#/components/schemas/OrganizationID' }
          example: org_01m86qprmrfpqs1ctaaj1wf9kd
        - { $ref: '#/components/parameters/Limit' }
        - { $ref: '#/components/parameters/Cursor' }
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: A page of sagas.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data, page, unreachable]
                properties:
                  data:
                    type: array
                    maxItems: 100
                    items:
                      allOf: [{ $ref: '#/components/schemas/Saga' }]
                      unevaluatedProperties: false
                  page: { $ref: '#/components/schemas/Page' }
                  unreachable:
                    description: The shards that could not be asked, by their names. Their sagas are missing.
                    type: array
                    items: { type: string }
              example:
                data:
                  - id: saga_01m86qprvqfpqv2tay0g7gvb72
                    organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                    orderId: ord_01m86qprvqfpqtgfbywambwch0
                    definition: checkout
                    version: 1
                    status: stuck
                    step: charge
                    attempts: 500
                    nextTryAt: null
                    reason: the provider did not answer
                    startedAt: '2026-11-24T12:15:19.927Z'
                    updatedAt: '2026-11-26T02:40:11.302Z'
                    deadline: '2026-11-25T12:15:19.927Z'
                    allowed: [retry, skip, force]
                page: { nextCursor: null, hasMore: false }
                unreachable: []
        '400': { $ref: '#/components/responses/BadListRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/sagas/{id}:
    parameters:
      - { $ref: '#/components/parameters/SagaID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getSaga
      tags: [Operations]
      summary: Show a saga
      description: |
        Its steps, its history, who works on it, the semantic locks that it holds or waits for, and what may be decided; what
        `pantry saga show` calls.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/ConsistencyToken' }
      responses:
        '200':
          description: The saga.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
          content:
            application/json:
              schema:
                allOf: [{ $ref: '#/components/schemas/SagaDetail' }]
                unevaluatedProperties: false
              example:
                id: saga_01m86qprvqfpqv2tay0g7gvb72
                organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
                orderId: ord_01m86qprvqfpqtgfbywambwch0
                definition: checkout
                version: 1
                status: stuck
                step: charge
                attempts: 500
                nextTryAt: null
                reason: the provider did not answer
                startedAt: '2026-11-24T12:15:19.927Z'
                updatedAt: '2026-11-26T02:40:11.302Z'
                deadline: '2026-11-25T12:15:19.927Z'
                allowed: [retry, skip, force]
                direction: backward
                epoch: 501
                leaseUntil: '2026-11-26T02:40:11.302Z'
                worker: null
                steps:
                  - step: reserve
                    status: stuck
                    attempts: 0
                    since: null
                    nextTryAt: null
                    allowed: [retry]
                  - step: charge
                    status: stuck
                    attempts: 500
                    since: '2026-11-25T12:15:19.927Z'
                    nextTryAt: null
                    allowed: [retry, skip, force]
                locks: []
                history:
                  - entry: 1
                    at: '2026-11-24T12:15:19.927Z'
                    step: reserve
                    event: began
                    attempt: 0
                    epoch: 1
                    detail: null
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/WriteLost' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/sagas/{id}/retry:
    parameters:
      - { $ref: '#/components/parameters/SagaID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: retrySaga
      tags: [Operations]
      summary: Try a saga's stuck step again
      description: |
        The step, or its compensation, gets as many attempts as it had at first. What
        `pantry saga retry` calls. Kept in the saga's history.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/SagaStepDecision' }
      responses:
        '200': { $ref: '#/components/responses/DirectedSaga' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/NotDecidable' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/sagas/{id}/skip:
    parameters:
      - { $ref: '#/components/parameters/SagaID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: skipSaga
      tags: [Operations]
      summary: Go on without a saga's stuck step
      description: |
        Or without its compensation, when the saga is on its way back: its effect then stays. What
        `pantry saga skip` calls. Kept in the saga's history.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/SagaStepDecision' }
      responses:
        '200': { $ref: '#/components/responses/DirectedSaga' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/NotDecidable' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/sagas/{id}/force:
    parameters:
      - { $ref: '#/components/parameters/SagaID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: forceSaga
      tags: [Operations]
      summary: Take a saga's stuck step as done
      description: |
        Somebody has done by hand what the step, or its compensation, should have done. What
        `pantry saga force` calls. Kept in the saga's history.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/SagaStepDecision' }
      responses:
        '200': { $ref: '#/components/responses/DirectedSaga' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/NotDecidable' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/sagas/{id}/compensate:
    parameters:
      - { $ref: '#/components/parameters/SagaID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: compensateSaga
      tags: [Operations]
      summary: Turn a saga back whose pivot is stuck
      description: |
        Somebody has found out that the step after which there is no way back had no effect. What
        `pantry saga compensate` calls. Kept in the saga's history.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/SagaStepDecision' }
      responses:
        '200': { $ref: '#/components/responses/DirectedSaga' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/NotDecidable' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/sagas/{id}/cancel:
    parameters:
      - { $ref: '#/components/parameters/SagaID' }
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: cancelSaga
      tags: [Operations]
      summary: Turn a saga back
      description: |
        What is done is undone. Not once the step after which there is no way back is done, or may be. What
        `pantry saga cancel` calls. Kept in the saga's history.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody: { $ref: '#/components/requestBodies/SagaDecision' }
      responses:
        '200': { $ref: '#/components/responses/DirectedSaga' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '409': { $ref: '#/components/responses/NotDecidable' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/replicas:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: listReplicas
      tags: [Operations]
      summary: List the database servers
      description: Of every database, as the process that answers sees them now.
      security: [{ OperatorToken: [] }]
      responses:
        '200':
          description: All of them.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data]
                properties:
                  data: { type: array, items: { $ref: '#/components/schemas/DatabaseServer' } }
              example:
                data:
                  - database: shard-0
                    server: shard-0/replica-1
                    address: db-2:5432
                    engine: postgresql
                    standing: replica
                    detail: is a replica
                    isPrimary: false
                    serves: true
                    timeline: 3
                    lagBytes: 0
                    lagMilliseconds: 12
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/pools:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: listPools
      tags: [Operations]
      summary: List the pools of connections
      description: One for each PostgreSQL server, of the process that answers; none for SQLite.
      security: [{ OperatorToken: [] }]
      responses:
        '200':
          description: All of them.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data]
                properties:
                  data: { type: array, items: { $ref: '#/components/schemas/Pool' } }
              example:
                data:
                  - database: shard-0
                    server: shard-0/primary
                    address: db-1:5432
                    limit: 20
                    size: 4
                    leased: 1
                    idle: 3
                    waiting: 0
                    tenants: 1
                    oldestWaitMilliseconds: null
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/breakers:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: listBreakers
      tags: [Operations]
      summary: List the circuit breakers
      description: |
        Of the process that answers; each has its own. `payments` stands before the payment provider, `limits` before Redis where the rate
        limits are kept there.
      security: [{ OperatorToken: [] }]
      parameters:
        - name: status
          in: query
          description: Only breakers in this state.
          schema: { $ref: '#/components/schemas/CircuitState' }
      responses:
        '200':
          description: All of them.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [data]
                properties:
                  data: { type: array, items: { $ref: '#/components/schemas/CircuitBreaker' } }
              example:
                data:
                  - name: payments
                    state: open
                    mode: automatic
                    generation: 3
                    retryAfterMilliseconds: 21450
                    calls: 0
                    failurePercent: null
                    slowPercent: null
                    latencyMicroseconds: { p50: 41200, p95: 3014656, p99: 3014656 }
                    totals:
                      successes: 5204
                      failures: 14
                      timeouts: 12
                      ignored: 0
                      slow: 0
                      rejections: 318
                      wouldHaveRejected: 0
                      stale: 2
                      dropped: 0
                      expiredProbes: 0
                      openings: 1
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/breakers/{name}:
    parameters:
      - name: name
        in: path
        required: true
        description: The breaker's name.
        schema: { enum: [payments, limits] }
        example: payments
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    post:
      operationId: directBreaker
      tags: [Operations]
      summary: Direct a circuit breaker
      description: |
        Of the process that answers, until it ends. Nothing is stored, so that there is no `Pantry-Consistency-Token`. An `Idempotency-Key`
        is accepted and changes nothing.

        - `tryNow`: if the circuit is open, the next call is let through as a trial.
        - `open`: calls are kept back for as long as its settings say; then a trial call decides.
        - `close`: calls are let through, and those so far are forgotten.
        - `automatic`: the breaker decides, beginning with a closed circuit.
        - `observe`: it says what it would do, and keeps nothing back.
        - `forceOpen`: all calls are kept back until another mode is set.
        - `disable`: all calls are let through.
      security: [{ OperatorToken: [] }]
      parameters:
        - { $ref: '#/components/parameters/IdempotencyKey' }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/CircuitDecision' }
            example: { action: tryNow }
      responses:
        '200':
          description: The breaker as it is then.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/CircuitBreaker' }
              example:
                name: payments
                state: halfOpen
                mode: automatic
                generation: 4
                retryAfterMilliseconds: null
                calls: 0
                failurePercent: null
                slowPercent: null
                latencyMicroseconds: { p50: 41200, p95: 3014656, p99: 3014656 }
                totals:
                  successes: 5204
                  failures: 14
                  timeouts: 12
                  ignored: 0
                  slow: 0
                  rejections: 318
                  wouldHaveRejected: 0
                  stale: 2
                  dropped: 0
                  expiredProbes: 0
                  openings: 1
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '404': { $ref: '#/components/responses/NotFound' }
        '413': { $ref: '#/components/responses/BodyTooLarge' }
        '415': { $ref: '#/components/responses/UnsupportedMediaType' }
        '422': { $ref: '#/components/responses/Invalid' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /ops/limits:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: listLimits
      tags: [Operations]
      summary: List the rate limits
      description: What each plan allows, where the limits are kept, and what has happened in the process that answers.
      security: [{ OperatorToken: [] }]
      responses:
        '200':
          description: All of them.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/LimitsReport' }
              example:
                data:
                  - plan: anonymous
                    requests: { algorithm: fixed-window, quota: 100, windowMilliseconds: 60000, blockMilliseconds: 60000 }
                    orders: null
                  - plan: burst
                    requests: { algorithm: token-bucket, quota: 100, windowMilliseconds: 10000 }
                    orders: null
                  - { plan: unlimited, requests: null, orders: null }
                store: redis
                processes: 3
                counts:
                  storeTrips: 1204
                  storeFailures: 0
                  leaseDecisions: 51877
                  rememberedRefusals: 96
                  fallbackDecisions: 0
                  fallbackAdmissions: 0
                  tokensReconciled: 0
                  wouldHaveRefused: 0
        '400': { $ref: '#/components/responses/BadRequest' }
        '401': { $ref: '#/components/responses/Unauthorized' }
        '403': { $ref: '#/components/responses/Forbidden' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Unavailable' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /health:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getHealth
      tags: [Health]
      summary: Show the server's health
      description: For people and outer load balancers; it asks the databases and the cache, once a second at most.
      security: []
      responses:
        '200':
          description: Healthy.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Cache-Control: { $ref: '#/components/headers/No-Store' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Health' }
              example:
                status: healthy
                timestamp: '2026-11-24T12:15:20.738Z'
                checks: { database: fulfilled, cache: fulfilled }
        '400': { $ref: '#/components/responses/BadRequest' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503':
          description: A database or the cache does not answer.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Cache-Control: { $ref: '#/components/headers/No-Store' }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Health' }
              example:
                status: unhealthy
                timestamp: '2026-11-24T12:15:20.738Z'
                checks: { database: fulfilled, cache: rejected }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /livez:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getLiveness
      tags: [Health]
      summary: Whether the process is alive
      security: []
      responses:
        '200':
          description: Alive.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Cache-Control: { $ref: '#/components/headers/No-Store' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [status, version]
                properties:
                  status: { const: alive }
                  version: { type: string, description: Pantry's version. }
              example: { status: alive, version: '0.1.0' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '500': { $ref: '#/components/responses/InternalError' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /readyz:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getReadiness
      tags: [Health]
      summary: Whether requests should be sent here
      description: 200 once the first pass of recovery is over, and until a stop begins.
      security: []
      responses:
        '200':
          description: Ready.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Cache-Control: { $ref: '#/components/headers/No-Store' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [status]
                properties:
                  status: { const: ready }
              example: { status: ready }
        '400': { $ref: '#/components/responses/BadRequest' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503':
          description: Starting, or about to stop.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Cache-Control: { $ref: '#/components/headers/No-Store' }
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [status]
                properties:
                  status: { enum: [starting, draining] }
              example: { status: draining }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /metrics:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getMetrics
      tags: [Health]
      summary: Show metrics
      description: In Prometheus' text format, or in OpenMetrics' where `Accept` prefers that.
      security: []
      responses:
        '200':
          description: The metrics.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            Cache-Control: { $ref: '#/components/headers/No-Store' }
          content:
            text/plain:
              schema: { type: string }
              example: |
                # HELP pantry_http_requests_total Requests answered, by method, route pattern and status. 499: the client had gone.
                # TYPE pantry_http_requests_total counter
                pantry_http_requests_total{method="POST",route="/v1/orders",status="201"} 1204
            application/openmetrics-text:
              schema: { type: string }
              example: |
                # HELP pantry_http_requests Requests answered, by method, route pattern and status. 499: the client had gone.
                # TYPE pantry_http_requests counter
                pantry_http_requests_total{method="POST",route="/v1/orders",status="201"} 1204
                # EOF
        '400': { $ref: '#/components/responses/BadRequest' }
        '404': { $ref: '#/components/responses/NotFound' }
        '500': { $ref: '#/components/responses/InternalError' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /openapi.json:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getOpenAPI
      tags: [Documentation]
      summary: This document
      security: []
      parameters:
        - { $ref: '#/components/parameters/IfNoneMatch' }
      responses:
        '200':
          description: The OpenAPI description, as JSON.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            ETag: { $ref: '#/components/headers/ETag' }
            Cache-Control: { $ref: '#/components/headers/Revalidate' }
            X-Content-Type-Options: { $ref: '#/components/headers/No-Sniff' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            application/json:
              schema:
                type: object
                required: [openapi, info, paths, components]
                properties:
                  openapi: { const: 3.1.0 }
              example: { openapi: 3.1.0, info: { title: Pantry, version: 0.1.0 }, paths: {}, components: {} }
        '304': { $ref: '#/components/responses/NotModified' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Overloaded' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
  /docs:
    parameters:
      - { $ref: '#/components/parameters/RequestID' }
      - { $ref: '#/components/parameters/TraceParent' }
      - { $ref: '#/components/parameters/TraceState' }
    get:
      operationId: getDocs
      tags: [Documentation]
      summary: This document, to read
      description: One page without network and without third-party code.
      security: []
      parameters:
        - { $ref: '#/components/parameters/IfNoneMatch' }
      responses:
        '200':
          description: The page.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            ETag: { $ref: '#/components/headers/ETag' }
            Cache-Control: { $ref: '#/components/headers/Revalidate' }
            X-Content-Type-Options: { $ref: '#/components/headers/No-Sniff' }
            Referrer-Policy: { $ref: '#/components/headers/Referrer-Policy' }
            X-Frame-Options: { $ref: '#/components/headers/X-Frame-Options' }
            Content-Security-Policy: { $ref: '#/components/headers/Content-Security-Policy' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
          content:
            text/html:
              schema: { type: string }
              example: <!DOCTYPE html><html lang="en"><head><title>Pantry API</title></head><body><h1>Pantry</h1></body></html>
        '304':
          description: The copy at hand is right.
          headers:
            X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
            ETag: { $ref: '#/components/headers/ETag' }
            Cache-Control: { $ref: '#/components/headers/Revalidate' }
            X-Content-Type-Options: { $ref: '#/components/headers/No-Sniff' }
            Referrer-Policy: { $ref: '#/components/headers/Referrer-Policy' }
            X-Frame-Options: { $ref: '#/components/headers/X-Frame-Options' }
            Content-Security-Policy: { $ref: '#/components/headers/Content-Security-Policy' }
            RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
            RateLimit: { $ref: '#/components/headers/RateLimit' }
            RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
            RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
            RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
        '400': { $ref: '#/components/responses/BadRequest' }
        '429': { $ref: '#/components/responses/RateLimited' }
        '500': { $ref: '#/components/responses/InternalError' }
        '503': { $ref: '#/components/responses/Overloaded' }
        default: { $ref: '#/components/responses/ProtocolProblem' }
components:
  securitySchemes:
    ApiKey:
      type: http
      scheme: bearer
      description: |
        An organization's API key, `key_….…`, or a session's token, `ses_….….…`. The roles that an operation names are those of the key
        or session: `read`, `write`, `admin`; each includes those before it.
    OperatorToken:
      type: http
      scheme: bearer
      description: The operator's token, from the configuration or the file `operator-token` in the data directory.
  parameters:
    OrderID:
      name: id
      in: path
      required: true
      description: The order's id.
      schema: { $ref: '#/components/schemas/OrderID' }
      example: ord_01m86qprvqfpqtgfbywambwch0
    OrganizationID:
      name: id
      in: path
      required: true
      description: The organization's id.
      schema: { $ref: '#/components/schemas/OrganizationID' }
      example: org_01m86qprmrfpqs1ctaaj1wf9kd
    SagaID:
      name: id
      in: path
      required: true
      description: The saga's id.
      schema: { $ref: '#/components/schemas/SagaID' }
      example: saga_01m86qprvqfpqv2tay0g7gvb72
    SKU:
      name: sku
      in: path
      required: true
      description: The product's SKU.
      schema: { $ref: '#/components/schemas/SKU' }
      example: '1005921'
    IdempotencyKey:
      name: Idempotency-Key
      in: header
      description: |
        New for each operation and the same when it is repeated, such as a UUID. Quotes around it, as structured fields write a
        string, do not count.
      schema: { $ref: '#/components/schemas/IdempotencyKey' }
    RequiredIdempotencyKey:
      name: Idempotency-Key
      in: header
      required: true
      description: |
        New for each operation and the same when it is repeated, such as a UUID. Quotes around it, as structured fields write a
        string, do not count.
      schema: { $ref: '#/components/schemas/IdempotencyKey' }
      example: my-first-order
    RequestID:
      name: X-Request-Id
      in: header
      description: |
        The caller's own name for the request: the answer, the problem document and the log have it. One that does not look like
        this, or a second one, is ignored; a new one is made then.
      schema: { $ref: '#/components/schemas/RequestID' }
      example: checkout-7f3a.2
    TraceParent:
      name: traceparent
      in: header
      description: |
        The caller's span (W3C Trace Context). Logs name it; what the request sets off, its events among them, belongs to that trace.
        An invalid one, or a second one, is ignored.
      schema:
        type: string
        maxLength: 256
        pattern: '^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$'
      example: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    TraceState:
      name: tracestate
      in: header
      description: |
        What other tracing systems pass along, with a valid `traceparent` where the server records traces: at most 32 members, no key
        twice. An invalid one is ignored.
      schema:
        type: string
        pattern: '^((^|,)[ \t]*([a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]){1,32}$'
      example: congo=t61rcWkgMzE,rojo=00f067aa0ba902b7
    Limit:
      name: limit
      in: query
      description: How many items a page has at most.
      schema: { type: integer, minimum: 1, maximum: 100, default: 50 }
    Cursor:
      name: cursor
      in: query
      description: The `nextCursor` of the page before, of this very list with the same filters.
      schema: { type: string, minLength: 1, maxLength: 1024, pattern: '^[0-9]+\.[A-Za-z0-9_-]+$' }
    Consistency:
      name: consistency
      in: query
      description: |
        `strong` reads from the primary, `eventual` from anywhere. Without it, a read with a `Pantry-Consistency-Token` is as fresh as
        the token asks, one in a session as its writes ask, and any other is eventual.
      schema: { enum: [strong, eventual] }
    ConsistencyToken:
      name: Pantry-Consistency-Token
      in: header
      description: What a write of the organization was answered with. The read then never shows an older state.
      schema: { $ref: '#/components/schemas/ConsistencyToken' }
    IfNoneMatch:
      name: If-None-Match
      in: header
      description: The `ETag` of the copy at hand; 304 when it is still right.
      schema: { type: string }
  headers:
    X-Request-Id:
      description: Of this request; finds it in the server's log. The caller's own where the request brought one.
      required: true
      schema: { $ref: '#/components/schemas/RequestID' }
      example: '275f5f683a9720d8aa2e458fc0db50e7'
    Idempotent-Replayed:
      description: There, and `true`, when the answer was kept from an earlier request with the same key.
      schema: { type: string, const: 'true' }
      example: 'true'
    Pantry-Consistency-Token:
      description: For a later read that must see this write.
      required: true
      schema: { $ref: '#/components/schemas/ConsistencyToken' }
      example: '1.qr0x3NfVb1tJ2Zk8mWc7Yp4uH6sLd9Ae_GoTiRwXvCzMKyBQnPfDhSjU5E'
    ControlConsistencyToken:
      description: |
        For a later read of the organization that was written. The write is in the control database alone, which is always read at its
        primary: the token names no place in any shard, and asks nothing of a read.
      required: true
      schema: { $ref: '#/components/schemas/ConsistencyToken' }
      example: '1.qr0x3NfVb1tJ2Zk8mWc7Yp4uH6sLd9Ae_GoTiRwXvCzMKyBQnPfDhSjU5E'
    OptionalConsistencyToken:
      description: For a later read that must see what this request has written.
      schema: { $ref: '#/components/schemas/ConsistencyToken' }
      example: '1.qr0x3NfVb1tJ2Zk8mWc7Yp4uH6sLd9Ae_GoTiRwXvCzMKyBQnPfDhSjU5E'
    Pantry-Served-By:
      description: |
        Who answered, such as `shard-0/primary` or `shard-0/replica-1; lag=12ms`: the state holds everything committed longer ago
        than that. `lag=unknown` only while there is no primary to compare with.
      required: true
      schema: { type: string, pattern: '^[a-z0-9-]+/(primary|replica-[0-9]+(; lag=([0-9]+ms|unknown))?)$' }
      example: shard-0/replica-1; lag=12ms
    PollServedBy:
      description: Of a poll, who answered. Events come from the primary.
      schema: { type: string, pattern: '^[a-z0-9-]+/(primary|replica-[0-9]+(; lag=([0-9]+ms|unknown))?)$' }
      example: shard-0/primary
    PollConsistencyToken:
      description: Of a poll, for a later read that must see what its events tell of. Events of a stream have their own.
      schema: { $ref: '#/components/schemas/ConsistencyToken' }
      example: '1.qr0x3NfVb1tJ2Zk8mWc7Yp4uH6sLd9Ae_GoTiRwXvCzMKyBQnPfDhSjU5E'
    X-Accel-Buffering:
      description: Of a stream, tells nginx to pass each event on as it comes.
      schema: { type: string, const: 'no' }
      example: 'no'
    SessionServedBy:
      description: |
        The shard's primary, or the server's own memory: what that says was so at most that long ago.
      required: true
      schema: { type: string, pattern: '^([a-z0-9-]+/primary|session-cache; lag=[0-9]+ms)$' }
      example: session-cache; lag=1203ms
    Location:
      description: Where what was made can be read.
      required: true
      schema: { type: string, pattern: '^/v1/' }
      example: /v1/orders/ord_01m86qprvqfpqtgfbywambwch0
    Retry-After:
      description: Seconds after which trying again makes sense.
      required: true
      schema: { type: integer, minimum: 1 }
      example: 1
    OptionalRetryAfter:
      description: Seconds after which trying again makes sense, where the problem passes by itself.
      schema: { type: integer, minimum: 1 }
      example: 1
    # A request is charged to its organization, or to its address where it shows no valid credentials or asks for a path or a method
    # that is not there; the operator, probes, metrics and webhooks are charged to nobody. Which of the fields there are is configured.
    RateLimit-Policy:
      description: |
        Where the request was charged: its limits, each with its quota `q` and its window `w` in seconds. As
        draft-ietf-httpapi-ratelimit-headers-08 to 11 write it; the server may be configured to an earlier draft, or not to tell.
      schema: { type: string }
      example: '"orders";q=1200;w=60, "requests";q=6000;w=60'
    RateLimit:
      description: What remains of each of these limits (`r`), and in how many seconds there is more (`t`).
      schema: { type: string }
      example: '"orders";r=0;t=42, "requests";r=3114;t=42'
    RateLimit-Limit:
      description: The nearest limit's quota, where the server is configured to drafts 03 to 06 (`draft-6`).
      schema: { type: integer, minimum: 0 }
      example: 1200
    RateLimit-Remaining:
      description: What remains of it, by the same drafts.
      schema: { type: integer, minimum: 0 }
      example: 0
    RateLimit-Reset:
      description: In how many seconds there is more, by the same drafts.
      schema: { type: integer, minimum: 0 }
      example: 42
    WWW-Authenticate:
      description: The scheme that is asked for.
      required: true
      schema: { type: string, const: Bearer }
      example: Bearer
    Allow:
      description: What the path takes; with 405.
      schema: { type: string }
      example: GET, HEAD, POST, OPTIONS
    Accept:
      description: The media types that the body may have.
      required: true
      schema: { type: string }
      example: application/json
    ETag:
      description: Changes with the content.
      required: true
      schema: { type: string, pattern: '^"[!#-~]+"$' }
      example: '"zKlx1TfQ0jEJ4mYcLw9rVA"'
    Revalidate:
      description: It may be kept, and is asked for again before it is used.
      required: true
      schema: { type: string, const: no-cache }
      example: no-cache
    No-Store:
      description: It is not to be kept.
      required: true
      schema: { type: string, const: no-store }
      example: no-store
    No-Sniff:
      description: It is what its media type says, and nothing else is to be guessed.
      required: true
      schema: { type: string, const: nosniff }
      example: nosniff
    Referrer-Policy:
      description: Nobody that the page links to learns where it was read.
      required: true
      schema: { type: string, const: no-referrer }
      example: no-referrer
    X-Frame-Options:
      description: It is not shown within other pages.
      required: true
      schema: { type: string, const: DENY }
      example: DENY
    Content-Security-Policy:
      description: The page may run its own script and style, by their hashes, and nothing else.
      required: true
      schema: { type: string }
      example: >-
        default-src 'none'; style-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
        script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
  links:
    getOrder: { operationId: getOrder, parameters: { id: $response.body#/id } }
    getOrderTimeline: { operationId: getOrderTimeline, parameters: { id: $response.body#/id } }
    cancelOrder: { operationId: cancelOrder, parameters: { id: $response.body#/id } }
    fulfillOrder: { operationId: fulfillOrder, parameters: { id: $response.body#/id } }
    refundOrder: { operationId: refundOrder, parameters: { id: $response.body#/id } }
  requestBodies:
    Nothing:
      description: Not needed; an empty object is as good as none.
      content:
        application/json:
          schema: { type: object, additionalProperties: false }
    Key:
      required: true
      content:
        application/json:
          schema:
            type: object
            additionalProperties: false
            required: [role]
            properties:
              role: { $ref: '#/components/schemas/Role' }
          example: { role: read }
    SagaStepDecision:
      required: true
      content:
        application/json:
          schema:
            type: object
            additionalProperties: false
            required: [reason]
            properties:
              step:
                description: Which step; needed where more than one is stuck.
                type: [string, 'null']
                minLength: 1
                maxLength: 100
                pattern: '^[^\x00-\x1F\x7F-\x9F]*$'
              reason: { $ref: '#/components/schemas/Reason', description: Why; it is kept in the saga's history. }
          example: { step: charge, reason: the provider is back }
    SagaDecision:
      required: true
      content:
        application/json:
          schema:
            type: object
            additionalProperties: false
            required: [reason]
            properties:
              reason: { $ref: '#/components/schemas/Reason', description: Why; it is kept in the saga's history. }
          example: { reason: the customer has called }
    ProductImport:
      required: true
      content:
        application/x-ndjson:
          schema: { $ref: '#/components/schemas/ProductImportLines' }
          example: |
            {"sku": "1005921", "name": "Instore Cut Vegetables", "unitPrice": {"amount": 250, "currency": "USD"}, "onHand": 20}
            {"sku": "7143616", "name": "Bath Accessories", "unitPrice": {"amount": 149, "currency": "USD"}, "category": "Bath"}
        application/ndjson:
          schema: { $ref: '#/components/schemas/ProductImportLines' }
        application/jsonl:
          schema: { $ref: '#/components/schemas/ProductImportLines' }
        text/csv:
          schema: { type: string, description: 'A header line and one product a line, in UTF-8.' }
          example: |
            sku,name,amount,currency,category,onHand
            1005921,Instore Cut Vegetables,250,USD,Chef Shoppe,20
            7143616,Bath Accessories,149,USD,Bath,20
  responses:
    OrderAccepted:
      description: Accepted; the provider has not answered in time, and the order goes on by itself.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
        Location: { $ref: '#/components/headers/Location' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/json:
          schema: { $ref: '#/components/schemas/Order' }
          example:
            id: ord_01m86qpsjsfpqsbr1bx5398kpx
            organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
            status: confirmed
            total: { amount: 298, currency: USD }
            items:
              - sku: '7143616'
                quantity: 2
                unitPrice: { amount: 149, currency: USD }
                amount: { amount: 298, currency: USD }
            payment:
              id: pay_01m86qpsjsfpqs1276q87zv05n
              status: captured
              method: pm_ok
              captured: { amount: 298, currency: USD }
              refunded: { amount: 0, currency: USD }
            createdAt: '2026-11-24T12:15:20.665Z'
            updatedAt: '2026-11-24T12:15:20.681Z'
    KeyList:
      description: A page of keys.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Pantry-Served-By: { $ref: '#/components/headers/Pantry-Served-By' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/json:
          schema:
            type: object
            additionalProperties: false
            required: [data, page]
            properties:
              data: { type: array, maxItems: 100, items: { $ref: '#/components/schemas/Key' } }
              page: { $ref: '#/components/schemas/Page' }
          example:
            data:
              - { id: key_01m86qprmrfpqscwm7e7nxkrc0, role: admin, createdAt: '2026-11-24T12:15:19.704Z', revokedAt: null }
              - { id: key_01m86qpsm9fpqvrt5489vqzkj7, role: read, createdAt: '2026-11-24T12:15:20.713Z', revokedAt: null }
            page: { nextCursor: null, hasMore: false }
    ProductImportResult:
      description: What became of the lines.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/json:
          schema: { $ref: '#/components/schemas/ProductImportReport' }
          example:
            imported: 1
            failed: 1
            errors: [{ line: 3, code: out-of-range, detail: 'amount: 0 is not an integer from 1 to 9007199254740991.' }]
    DirectedSaga:
      description: Decided; the saga as it is then. Whoever works on it next acts on it, within a second.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/Pantry-Consistency-Token' }
      content:
        application/json:
          schema:
            allOf: [{ $ref: '#/components/schemas/Saga' }]
            unevaluatedProperties: false
          example:
            id: saga_01m86qprvqfpqv2tay0g7gvb72
            organizationId: org_01m86qprmrfpqs1ctaaj1wf9kd
            orderId: ord_01m86qprvqfpqtgfbywambwch0
            definition: checkout
            version: 1
            status: running
            step: charge
            attempts: 0
            nextTryAt: '2026-11-26T02:40:11.302Z'
            reason: the provider did not answer
            startedAt: '2026-11-24T12:15:19.927Z'
            updatedAt: '2026-11-26T02:40:11.302Z'
            deadline: null
            allowed: []
    NotDecidable:
      description: |
        The decision does not fit the saga as it is; `from` is its status, `allowed` what may be decided instead. Or the first request
        with this key has not ended.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Retry-After: { $ref: '#/components/headers/OptionalRetryAfter' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { enum: [invalid-transition, idempotency-in-progress] } }
          examples:
            invalid-saga-decision: { $ref: '#/components/examples/invalid-saga-decision' }
            idempotency-in-progress: { $ref: '#/components/examples/idempotency-in-progress' }
    NotModified:
      description: The copy at hand is right.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        ETag: { $ref: '#/components/headers/ETag' }
        Cache-Control: { $ref: '#/components/headers/Revalidate' }
        X-Content-Type-Options: { $ref: '#/components/headers/No-Sniff' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
    BadRequest:
      description: The request cannot be understood.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: malformed-request } }
          examples:
            malformed-request: { $ref: '#/components/examples/malformed-request' }
    BadListRequest:
      description: The request cannot be understood, or the cursor is not one of this list.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { enum: [malformed-request, invalid-cursor] } }
          examples:
            malformed-request: { $ref: '#/components/examples/malformed-request' }
            invalid-cursor: { $ref: '#/components/examples/invalid-cursor' }
    BadKeyedRequest:
      description: The request cannot be understood, or has no `Idempotency-Key`.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { enum: [malformed-request, idempotency-key-required] } }
          examples:
            malformed-request: { $ref: '#/components/examples/malformed-request' }
            idempotency-key-required: { $ref: '#/components/examples/idempotency-key-required' }
    Unauthorized:
      description: No credentials, or credentials that are unknown, revoked or expired.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        WWW-Authenticate: { $ref: '#/components/headers/WWW-Authenticate' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: unauthorized } }
          example:
            type: 'https://pantry.dev/problems/unauthorized'
            title: Unauthorized
            status: 401
            detail: 'Send credentials as `Authorization: Bearer KEY`.'
            code: unauthorized
            requestId: '275f5f683a9720d86cd2916eabeea862'
            retryable: false
    PaymentDeclined:
      description: |
        The provider refuses. An order that was being placed has failed and its stock is back, and the key remembers this answer. A
        refund or cancel that the provider refuses changes nothing, and its key is free again.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Idempotent-Replayed: { $ref: '#/components/headers/Idempotent-Replayed' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/OptionalConsistencyToken' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: payment-declined } }
          example:
            type: 'https://pantry.dev/problems/payment-declined'
            title: Payment declined
            status: 402
            detail: 'The payment was declined. The order has failed, and its stock is available again.'
            code: payment-declined
            requestId: '275f5f683a9720d812df8c9e16728617'
            retryable: false
            declineCode: card-declined
            orderId: ord_01m86qps6tfpqvpc41jyejs6mz
    Forbidden:
      description: The credentials are good, but of another kind or of too weak a role.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: forbidden } }
          example:
            type: 'https://pantry.dev/problems/forbidden'
            title: Forbidden
            status: 403
            detail: 'This takes the role admin; these credentials have read.'
            code: forbidden
            requestId: '275f5f683a9720d83f63d4eefca89c01'
            retryable: false
    NotFound:
      description: There is no such thing, or it is another organization's.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: not-found } }
          example:
            type: 'https://pantry.dev/problems/not-found'
            title: Not found
            status: 404
            detail: 'There is no product “NOTHING”.'
            code: not-found
            requestId: '275f5f683a9720d82335bb4ef28ff616'
            retryable: false
    OrderConflict:
      description: |
        The order's status does not allow it (`allowed` says which statuses may follow), another operation holds the order at this
        moment, or the first attempt with this key has not ended.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Retry-After: { $ref: '#/components/headers/OptionalRetryAfter' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { enum: [invalid-transition, order-busy, idempotency-in-progress] } }
          examples:
            invalid-transition: { $ref: '#/components/examples/invalid-transition' }
            order-busy: { $ref: '#/components/examples/order-busy' }
            idempotency-in-progress: { $ref: '#/components/examples/idempotency-in-progress' }
    WriteLost:
      description: |
        What the consistency token stands for is gone: the database failed over to a server that did not have it, which only
        synchronous replication rules out. Nothing older is shown in its place. Read without the token to see what there is, and
        send the write again with its Idempotency-Key.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: write-lost } }
          example:
            type: 'https://pantry.dev/problems/write-lost'
            title: Write lost
            status: 409
            detail: >-
              What the token stands for was lost when the database failed over. Read without the token to see what there is, and send the
              write again with its Idempotency-Key.
            code: write-lost
            requestId: '275f5f683a9720d85a2c8f7e13d9b640'
            retryable: false
    IdempotencyInProgress:
      description: The first attempt with this key has not ended.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/OptionalConsistencyToken' }
        Retry-After: { $ref: '#/components/headers/Retry-After' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: idempotency-in-progress } }
          examples:
            idempotency-in-progress: { $ref: '#/components/examples/idempotency-in-progress' }
    UnreadableImport:
      description: |
        The request cannot be understood, or its body cannot be cut into rows: `line` says where. What stood before it is imported, as
        `import` says.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/OptionalConsistencyToken' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: malformed-request } }
          examples:
            malformed-request: { $ref: '#/components/examples/malformed-request' }
            unreadable-row: { $ref: '#/components/examples/unreadable-row' }
    ImportTimeout:
      description: The body brought nothing for 30 seconds. What had come is imported, as `import` says.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/OptionalConsistencyToken' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: request-timeout } }
          example:
            type: 'https://pantry.dev/problems/request-timeout'
            title: Request timeout
            status: 408
            detail: "The request's body did not arrive in time. Before that, 1 rows were imported and 1 were refused."
            code: request-timeout
            requestId: '275f5f683a9720d8c47d20e96b1f5a38'
            retryable: true
            import:
              imported: 1
              failed: 1
              errors: [{ line: 3, code: out-of-range, detail: 'amount: 0 is not an integer from 1 to 9007199254740991.' }]
    ImportTooLarge:
      description: The body has more than 256 MiB. What stood before that is imported, as `import` says, unless the length was told beforehand.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/OptionalConsistencyToken' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: body-too-large } }
          example:
            type: 'https://pantry.dev/problems/body-too-large'
            title: Body too large
            status: 413
            detail: The body may have at most 268435456 bytes. Before that, 2204 rows were imported and 1 were refused.
            code: body-too-large
            requestId: '275f5f683a9720d840f3dd1a9cf5f438'
            retryable: false
            import:
              imported: 2204
              failed: 1
              errors: [{ line: 3, code: out-of-range, detail: 'amount: 0 is not an integer from 1 to 9007199254740991.' }]
    ImportKeyReused:
      description: The key was sent with another path or other bytes before.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/OptionalConsistencyToken' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: idempotency-key-reused } }
          examples:
            idempotency-key-reused: { $ref: '#/components/examples/idempotency-key-reused' }
    ImportUnavailable:
      description: |
        As for every route; what had come before is imported, as `import` says. Sent again with the same `Idempotency-Key`, the import
        goes on behind it.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Pantry-Consistency-Token: { $ref: '#/components/headers/OptionalConsistencyToken' }
        Retry-After: { $ref: '#/components/headers/Retry-After' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { enum: [shard-unavailable, overloaded] } }
          examples:
            shard-unavailable: { $ref: '#/components/examples/shard-unavailable' }
            overloaded: { $ref: '#/components/examples/overloaded' }
    BodyTooLarge:
      description: The body is larger than the route takes.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: body-too-large } }
          examples:
            body-too-large: { $ref: '#/components/examples/body-too-large' }
    UnsupportedMediaType:
      description: The body is of another media type or charset than the route takes.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Accept: { $ref: '#/components/headers/Accept' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: unsupported-media-type } }
          example:
            type: 'https://pantry.dev/problems/unsupported-media-type'
            title: Unsupported media type
            status: 415
            detail: 'Send the body as application/json, in UTF-8, and say so in Content-Type.'
            code: unsupported-media-type
            requestId: '275f5f683a9720d8cf4ebc5e9950af7a'
            retryable: false
    Invalid:
      description: Well-formed, but wrong; all that is wrong stands in `errors`. Or the key was sent with another request before.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { enum: [invalid, idempotency-key-reused] } }
          examples:
            invalid: { $ref: '#/components/examples/invalid' }
            idempotency-key-reused: { $ref: '#/components/examples/idempotency-key-reused' }
    KeyReused:
      description: The key was sent with another path or another body before.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: idempotency-key-reused } }
          examples:
            idempotency-key-reused: { $ref: '#/components/examples/idempotency-key-reused' }
    RateLimited:
      description: |
        The organization has used up what its plan allows, or an address that shows no valid credentials what those may. Nothing was
        consumed, and nothing carried out. `Retry-After` is rounded up: a request that comes then is not refused for what was used before.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Retry-After: { $ref: '#/components/headers/Retry-After' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: rate-limited } }
          examples:
            rate-limited: { $ref: '#/components/examples/rate-limited' }
    Overloaded:
      description: The server answers as many requests as it can.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Retry-After: { $ref: '#/components/headers/Retry-After' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: overloaded } }
          examples:
            overloaded: { $ref: '#/components/examples/overloaded' }
    InternalError:
      description: A fault of ours. Nothing about it is said; the request id finds it in the log.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { const: internal } }
          example:
            type: 'https://pantry.dev/problems/internal'
            title: Internal error
            status: 500
            detail: Something went wrong on our side. The request id finds it in our logs.
            code: internal
            requestId: '275f5f683a9720d8f37b60d1a8e4c592'
            retryable: true
    Unavailable:
      description: |
        The shard cannot be read or written, recovery after a start is not over, too much waits already, or the server answers as many
        requests as it can; new orders are refused before the rest, and imports have room of their own. What may have been carried out is
        told apart by sending it again with the same `Idempotency-Key`.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Retry-After: { $ref: '#/components/headers/Retry-After' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { enum: [shard-unavailable, overloaded] } }
          examples:
            shard-unavailable: { $ref: '#/components/examples/shard-unavailable' }
            overloaded: { $ref: '#/components/examples/overloaded' }
    UnavailableForOrders:
      description: |
        As for every route; or the payment could not be made and the order was undone, because its caller did not want to wait or
        waiting orders would hold too much of a product: at once while the provider is known not to work. The key is free for a fresh
        attempt then.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Retry-After: { $ref: '#/components/headers/Retry-After' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties: { code: { enum: [payment-unavailable, shard-unavailable, overloaded] } }
          examples:
            payment-unavailable: { $ref: '#/components/examples/payment-unavailable' }
            shard-unavailable: { $ref: '#/components/examples/shard-unavailable' }
            overloaded: { $ref: '#/components/examples/overloaded' }
    ProtocolProblem:
      description: |
        What any request can be told before its route has a say: 405 (with `Allow`) for a method that the path does not take, and 429
        (with `Retry-After`) for too many of those from one address, 408 when the request does not arrive in time, 413 for a body on a
        route that reads none, 414 and 431 for too long a target and too many headers, 417 for an expectation other than
        `100-continue`, 505 for another HTTP than 1.1 and 1.0.
      headers:
        X-Request-Id: { $ref: '#/components/headers/X-Request-Id' }
        Allow: { $ref: '#/components/headers/Allow' }
        Retry-After: { $ref: '#/components/headers/OptionalRetryAfter' }
        RateLimit-Policy: { $ref: '#/components/headers/RateLimit-Policy' }
        RateLimit: { $ref: '#/components/headers/RateLimit' }
        RateLimit-Limit: { $ref: '#/components/headers/RateLimit-Limit' }
        RateLimit-Remaining: { $ref: '#/components/headers/RateLimit-Remaining' }
        RateLimit-Reset: { $ref: '#/components/headers/RateLimit-Reset' }
      content:
        application/problem+json:
          schema:
            allOf:
              - { $ref: '#/components/schemas/Problem' }
              - properties:
                  code:
                    enum:
                      - method-not-allowed
                      - request-timeout
                      - body-too-large
                      - uri-too-long
                      - expectation-failed
                      - rate-limited
                      - headers-too-large
                      - unsupported-http-version
          examples:
            method-not-allowed: { $ref: '#/components/examples/method-not-allowed' }
            request-timeout: { $ref: '#/components/examples/request-timeout' }
            body-too-large: { $ref: '#/components/examples/body-too-large' }
            uri-too-long: { $ref: '#/components/examples/uri-too-long' }
            expectation-failed: { $ref: '#/components/examples/expectation-failed' }
            rate-limited: { $ref: '#/components/examples/rate-limited' }
            headers-too-large: { $ref: '#/components/examples/headers-too-large' }
            unsupported-http-version: { $ref: '#/components/examples/unsupported-http-version' }
  examples:
    # Problems that more than one answer may be, by their codes.
    malformed-request:
      value:
        type: 'https://pantry.dev/problems/malformed-request'
        title: Malformed request
        status: 400
        detail: "The body is not valid JSON at line 1, column 12: a value or ']' is expected, not '}'."
        code: malformed-request
        requestId: '275f5f683a9720d819813325b1fe6bca'
        retryable: false
    unreadable-row:
      value:
        type: 'https://pantry.dev/problems/malformed-request'
        title: Malformed request
        status: 400
        detail: >-
          Line 3: A quoted field is not closed: there is no quote before the end of the file to end it. Before that, 1 rows were
          imported and 0 were refused.
        code: malformed-request
        requestId: '275f5f683a9720d819813325b1fe6bcb'
        retryable: false
        line: 3
        import: { imported: 1, failed: 0, errors: [] }
    invalid-cursor:
      value:
        type: 'https://pantry.dev/problems/invalid-cursor'
        title: Invalid cursor
        status: 400
        detail: 'Send the nextCursor of this very list back, with the same filters, or none for the first page.'
        code: invalid-cursor
        requestId: '275f5f683a9720d8f9e63b2c04897e89'
        retryable: false
    idempotency-key-required:
      value:
        type: 'https://pantry.dev/problems/idempotency-key-required'
        title: Idempotency key required
        status: 400
        detail: 'Send an Idempotency-Key header: 1 to 255 visible ASCII characters, such as a UUID, new for each operation and the same when it is repeated.'
        code: idempotency-key-required
        requestId: '275f5f683a9720d813c63eabf4ef7aa2'
        retryable: false
    method-not-allowed:
      value:
        type: 'https://pantry.dev/problems/method-not-allowed'
        title: Method not allowed
        status: 405
        detail: 'This path takes GET, HEAD, POST, OPTIONS.'
        code: method-not-allowed
        requestId: '275f5f683a9720d8a54db80eaab8b6d5'
        retryable: false
    request-timeout:
      value:
        type: 'https://pantry.dev/problems/request-timeout'
        title: Request timeout
        status: 408
        detail: "The request's body did not arrive in time."
        code: request-timeout
        requestId: '275f5f683a9720d8c47d20e96b1f5a37'
        retryable: true
    out-of-stock:
      value:
        type: 'https://pantry.dev/problems/out-of-stock'
        title: Out of stock
        status: 409
        detail: Some products are not available in these quantities.
        code: out-of-stock
        requestId: '275f5f683a9720d8aa2e458fc0db50e7'
        retryable: false
        lines: [{ sku: '1005921', requested: 100, available: 17 }]
    order-busy:
      value:
        type: 'https://pantry.dev/problems/order-busy'
        title: Order busy
        status: 409
        detail: Another operation on the order has not ended yet.
        code: order-busy
        requestId: '275f5f683a9720d8d05b7a94f1e6c328'
        retryable: true
    invalid-transition:
      value:
        type: 'https://pantry.dev/problems/invalid-transition'
        title: Invalid transition
        status: 409
        detail: An order that is fulfilled cannot be canceled.
        code: invalid-transition
        requestId: '275f5f683a9720d8aa3e2b7e36c15fc7'
        retryable: false
        from: fulfilled
        allowed: []
    invalid-saga-decision:
      value:
        type: 'https://pantry.dev/problems/invalid-transition'
        title: Invalid transition
        status: 409
        detail: Skip does not fit the saga as it is stuck.
        code: invalid-transition
        requestId: '275f5f683a9720d8aa3e2b7e36c15fc8'
        retryable: false
        from: stuck
        allowed: [retry]
    idempotency-in-progress:
      value:
        type: 'https://pantry.dev/problems/idempotency-in-progress'
        title: Idempotent request in progress
        status: 409
        detail: The first request with this Idempotency-Key has not ended yet. Send it again with the same key.
        code: idempotency-in-progress
        requestId: '275f5f683a9720d87c9e31f4a2b8d056'
        retryable: true
    body-too-large:
      value:
        type: 'https://pantry.dev/problems/body-too-large'
        title: Body too large
        status: 413
        detail: The body may have at most 1048576 bytes.
        code: body-too-large
        requestId: '275f5f683a9720d840f3dd1a9cf5f437'
        retryable: false
    uri-too-long:
      value:
        type: 'https://pantry.dev/problems/uri-too-long'
        title: URI too long
        status: 414
        detail: Path and query may have at most 8192 bytes together.
        code: uri-too-long
        requestId: '275f5f683a9720d80e6f92b8d4a71c53'
        retryable: false
    expectation-failed:
      value:
        type: 'https://pantry.dev/problems/expectation-failed'
        title: Expectation failed
        status: 417
        detail: The only expectation that can be met is 100-continue.
        code: expectation-failed
        requestId: '275f5f683a9720d8b83a5c1e97f40d26'
        retryable: false
    invalid:
      value:
        type: 'https://pantry.dev/problems/invalid'
        title: Invalid request
        status: 422
        detail: '2 things are wrong with the request.'
        code: invalid
        requestId: '275f5f683a9720d8659df0265fe5c22c'
        retryable: false
        errors:
          - pointer: '/note'
            code: unknown-member
            detail: 'There is no such member; the members are: items, paymentMethod, onPaymentUnavailable, metadata.'
          - { pointer: '/items/0/quantity', code: out-of-range, detail: '0 is not an integer from 1 to 1000000000.' }
    idempotency-key-reused:
      value:
        type: 'https://pantry.dev/problems/idempotency-key-reused'
        title: Idempotency key reused
        status: 422
        detail: This Idempotency-Key was sent with another path or body before. Take a new one for a new operation.
        code: idempotency-key-reused
        requestId: '275f5f683a9720d8ab432221322005fc'
        retryable: false
    rate-limited:
      value:
        type: 'https://pantry.dev/problems/rate-limited'
        title: Too many requests
        status: 429
        detail: "The limit 'orders' of 1200 in 60 s is used up."
        code: rate-limited
        requestId: '275f5f683a9720d8b1f0ac4b8d0a4c15'
        retryable: true
        error: Too many requests
        retryAfter: 42
    headers-too-large:
      value:
        type: 'https://pantry.dev/problems/headers-too-large'
        title: Headers too large
        status: 431
        detail: 'Headers may have at most 32768 bytes together, and there may be at most 100.'
        code: headers-too-large
        requestId: '275f5f683a9720d8467e0b9fc2d1538a'
        retryable: false
    shard-unavailable:
      value:
        type: 'https://pantry.dev/problems/shard-unavailable'
        title: Shard unavailable
        status: 503
        detail: The shard takes no writes at this moment.
        code: shard-unavailable
        requestId: '275f5f683a9720d891d4be07c35fa26e'
        retryable: true
    overloaded:
      value:
        type: 'https://pantry.dev/problems/overloaded'
        title: Overloaded
        status: 503
        detail: The server has as much to do as it can; what was begun is finished first.
        code: overloaded
        requestId: '275f5f683a9720d8e2b47f1d6c3a9053'
        retryable: true
    payment-unavailable:
      value:
        type: 'https://pantry.dev/problems/payment-unavailable'
        title: Payment unavailable
        status: 503
        detail: The provider answered 500.
        code: payment-unavailable
        requestId: '275f5f683a9720d8a1e27ef34bc3fac3'
        retryable: true
    unsupported-http-version:
      value:
        type: 'https://pantry.dev/problems/unsupported-http-version'
        title: HTTP version not supported
        status: 505
        detail: This server speaks HTTP/1.1 and HTTP/1.0.
        code: unsupported-http-version
        requestId: '275f5f683a9720d83d92f6a0e58b17c4'
        retryable: false
  schemas:
    Order:
      description: |
        `pending → confirmed → fulfilled`; `pending → failed`, `expired` or `canceled`; `confirmed → canceled` or `refunded`.
      type: object
      additionalProperties: false
      required: [id, organizationId, status, total, items, payment, createdAt, updatedAt]
      properties:
        id: { $ref: '#/components/schemas/OrderID' }
        organizationId: { $ref: '#/components/schemas/OrganizationID' }
        status: { $ref: '#/components/schemas/OrderStatus' }
        total: { $ref: '#/components/schemas/Money' }
        items: { type: array, minItems: 1, maxItems: 1000, items: { $ref: '#/components/schemas/OrderLine' } }
        payment: { $ref: '#/components/schemas/Payment' }
        reason: { type: string, description: 'Why it failed, expired, or was canceled or refunded.' }
        metadata: { type: object, description: As it was sent. }
        createdAt: { $ref: '#/components/schemas/Moment' }
        updatedAt: { $ref: '#/components/schemas/Moment' }
    OrderStatus:
      description: |
        - `pending`: stock is held, the payment is not settled.
        - `confirmed`: paid.
        - `fulfilled`: the units have left.
        - `failed`: declined, or the payment could not be made; stock is back.
        - `expired`: the payment did not come in time; stock is back.
        - `canceled`: undone by its owner; stock and money are back.
        - `refunded`: all the money was given back before the units left; stock is back as well.
      type: string
      enum: [pending, confirmed, fulfilled, failed, expired, canceled, refunded]
    OrderLine:
      type: object
      additionalProperties: false
      required: [sku, quantity, unitPrice, amount]
      properties:
        sku: { $ref: '#/components/schemas/SKU' }
        quantity: { $ref: '#/components/schemas/Quantity' }
        unitPrice: { $ref: '#/components/schemas/Price' }
        amount: { $ref: '#/components/schemas/Price' }
    Payment:
      type: object
      additionalProperties: false
      required: [id, status, method, captured, refunded]
      properties:
        id: { type: string, pattern: '^pay_[0-7][0-9a-hjkmnp-tv-z]{25}$' }
        status: { $ref: '#/components/schemas/PaymentStatus' }
        method: { type: string }
        captured: { $ref: '#/components/schemas/Money' }
        refunded: { $ref: '#/components/schemas/Money' }
        message: { type: string, description: Says that the payment waits; with status `queued`. }
        failureCode: { type: string, description: The provider's reason for declining. }
    PaymentStatus:
      description: |
        - `processing`: the charge is under way, or its outcome is not known yet.
        - `queued`: known not to have happened; it is tried again.
        - `authorized`: money is held, not taken.
        - `captured`, `partiallyRefunded`, `refunded`: money is taken, or partly or wholly given back.
        - `failed`: declined.
        - `voided`: given up before any money was taken.
      type: string
      enum: [processing, queued, authorized, captured, partiallyRefunded, refunded, failed, voided]
    OrderRequest:
      type: object
      additionalProperties: false
      required: [items]
      properties:
        items:
          description: All in one currency. A SKU may occur on several lines.
          type: array
          minItems: 1
          maxItems: 1000
          items:
            type: object
            additionalProperties: false
            required: [sku, quantity]
            properties:
              sku: { $ref: '#/components/schemas/SKU' }
              quantity: { $ref: '#/components/schemas/Quantity' }
        paymentMethod:
          description: |
            Of the sandbox provider: `pm_ok` (the default), `pm_declined`, `pm_error` (the provider fails), `pm_slow` (answers after 5
            seconds), `pm_lost` (charges, then drops the connection), `pm_flaky` (every first attempt fails). Of Stripe, where that is the
            provider: the id of a payment method there, which is then required.
          anyOf:
            - { enum: [pm_ok, pm_declined, pm_error, pm_slow, pm_lost, pm_flaky] }
            - { type: string, maxLength: 64, pattern: '^pm_[A-Za-z0-9_]+$' }
            - { type: 'null' }
        onPaymentUnavailable:
          description: Whether an order whose payment cannot be made now waits for it (`queue`, the default) or is undone (`fail`).
          enum: [queue, fail, null]
        metadata: { $ref: '#/components/schemas/OwnDocument' }
    RefundRequest:
      type: object
      additionalProperties: false
      required: [reason]
      properties:
        amount:
          description: Minor units, or money in the order's currency; all that is left when it is missing.
          oneOf:
            - { type: integer, minimum: 1, maximum: 9007199254740991 }
            - { $ref: '#/components/schemas/Price' }
            - { type: 'null' }
        reason: { $ref: '#/components/schemas/Reason' }
    Calculation:
      type: object
      additionalProperties: false
      required: [total, items, available, availability]
      properties:
        total: { $ref: '#/components/schemas/Money' }
        items: { type: array, minItems: 1, maxItems: 1000, items: { $ref: '#/components/schemas/OrderLine' } }
        available: { type: boolean, description: Whether all of it could be had now. }
        availability:
          description: One entry for each SKU, summed over the lines.
          type: array
          items: { $ref: '#/components/schemas/Availability' }
    Availability:
      type: object
      additionalProperties: false
      required: [sku, requested, available]
      properties:
        sku: { $ref: '#/components/schemas/SKU' }
        requested: { type: integer, minimum: 1 }
        available: { type: integer, minimum: 0 }
    Timeline:
      type: object
      additionalProperties: false
      required: [orderId, isComplete, data]
      properties:
        orderId: { $ref: '#/components/schemas/OrderID' }
        isComplete:
          description: Whether that is everything; of an order with a very long history the youngest part is shown.
          type: boolean
        data:
          description: The sagas that worked on the order, oldest first.
          type: array
          minItems: 1
          maxItems: 100
          items: { $ref: '#/components/schemas/TimelineSaga' }
    TimelineSaga:
      type: object
      additionalProperties: false
      required: [id, saga, state, attempts, reason, nextTryAt, startedAt, updatedAt, steps]
      properties:
        id: { $ref: '#/components/schemas/SagaID' }
        saga: { type: string, description: 'Which one, such as `checkout`, `cancel` or `refund`.' }
        state: { $ref: '#/components/schemas/SagaStatus' }
        attempts: { type: integer, minimum: 0, description: How often it was picked up without coming to an end. }
        reason: { type: [string, 'null'], description: 'Why it is being or was undone, waits or is stuck.' }
        nextTryAt:
          description: When it goes on; null when it has ended, is stuck, or is at work now.
          oneOf: [{ $ref: '#/components/schemas/Moment' }, { type: 'null' }]
        startedAt: { $ref: '#/components/schemas/Moment' }
        updatedAt: { $ref: '#/components/schemas/Moment' }
        steps:
          description: What happened, oldest first. An `entry` that is missing is of no interest outside.
          type: array
          maxItems: 1000
          items:
            type: object
            additionalProperties: false
            required: [entry, at, step, event, attempt, detail]
            properties:
              entry: { type: integer, minimum: 1 }
              at: { $ref: '#/components/schemas/Moment' }
              step: { type: string, description: 'Such as `reserve`, `charge` or `confirm`.' }
              event: { $ref: '#/components/schemas/SagaEvent' }
              attempt: { type: integer, minimum: 0 }
              detail: { type: [string, 'null'], description: In words. }
    SagaStatus:
      description: |
        - `running`: going forward.
        - `parked`: going forward, but not before its next try.
        - `compensating`: being undone.
        - `succeeded`: ended, every step's effect stands.
        - `compensated`: ended, no step's effect stands.
        - `stuck`: waits for an operator.
      type: string
      enum: [running, parked, compensating, succeeded, compensated, stuck]
    SagaEvent:
      description: |
        `intended` says that a call outside is about to be made, `unknown` that nobody knows what came of it, `compensated` that an
        effect was taken back, `directed` that an operator has decided something.
      type: string
      enum:
        [began, intended, completed, failed, unknown, compensated, waiting, parked, directed, claimed, ended, stuck]
    SagaVerb:
      description: |
        - `retry`: try a stuck step, or its compensation, again.
        - `skip`: go on without it; of steps that call the provider.
        - `force`: go on as if it had succeeded; somebody has done it by hand. Of such steps, too.
        - `compensate`: turn back; a stuck step after which there is no way back is known to have had no effect.
        - `cancel`: turn back, as long as there is a way back.
      type: string
      enum: [retry, skip, force, compensate, cancel]
    Saga:
      description: A saga as operators see it.
      type: object
      required:
        - id
        - organizationId
        - orderId
        - definition
        - version
        - status
        - step
        - attempts
        - nextTryAt
        - reason
        - startedAt
        - updatedAt
        - deadline
        - allowed
      properties:
        id: { $ref: '#/components/schemas/SagaID' }
        organizationId: { $ref: '#/components/schemas/OrganizationID' }
        orderId: { $ref: '#/components/schemas/OrderID' }
        definition: { type: string, description: 'Such as `checkout`.' }
        version: { type: integer, minimum: 1, description: Of the definition that began it. }
        status: { $ref: '#/components/schemas/SagaStatus' }
        step: { type: string, description: The step that it stands at. }
        attempts: { type: integer, minimum: 0, description: How often it was picked up without coming to an end. }
        nextTryAt:
          description: When it goes on; null when it has ended, is stuck, or is at work now.
          oneOf: [{ $ref: '#/components/schemas/Moment' }, { type: 'null' }]
        reason: { type: [string, 'null'], description: 'Why it is being or was undone, waits or is stuck.' }
        startedAt: { $ref: '#/components/schemas/Moment' }
        updatedAt: { $ref: '#/components/schemas/Moment' }
        deadline:
          description: When it turns back, if it still can.
          oneOf: [{ $ref: '#/components/schemas/Moment' }, { type: 'null' }]
        allowed:
          description: What may be decided now.
          type: array
          items: { $ref: '#/components/schemas/SagaVerb' }
    SagaDetail:
      allOf:
        - { $ref: '#/components/schemas/Saga' }
        - type: object
          required: [direction, epoch, leaseUntil, worker, steps, locks, history]
          properties:
            direction: { enum: [forward, backward] }
            epoch: { type: integer, minimum: 1, description: Raised by each worker that takes the saga over. }
            leaseUntil:
              description: Until when the present worker may be trusted to be at work, whatever its own lease says.
              allOf: [{ $ref: '#/components/schemas/Moment' }]
            worker:
              description: Who holds it, with the lease that counts; null when nobody does, or when `leaseUntil` alone counts.
              oneOf:
                - type: object
                  additionalProperties: false
                  required: [id, startedAt, leaseUntil]
                  properties:
                    id: { type: string, pattern: '^worker_[0-7][0-9a-hjkmnp-tv-z]{25}$' }
                    startedAt: { oneOf: [{ $ref: '#/components/schemas/Moment' }, { type: 'null' }] }
                    leaseUntil: { oneOf: [{ $ref: '#/components/schemas/Moment' }, { type: 'null' }] }
                - type: 'null'
            steps: { type: array, items: { $ref: '#/components/schemas/SagaStep' } }
            locks:
              description: The semantic locks that it holds or stands in line for.
              type: array
              items: { $ref: '#/components/schemas/SagaLock' }
            history:
              description: What happened, oldest first; of a very long one the youngest part.
              type: array
              maxItems: 2000
              items:
                type: object
                additionalProperties: false
                required: [entry, at, step, event, attempt, epoch, detail]
                properties:
                  entry: { type: integer, minimum: 1 }
                  at: { $ref: '#/components/schemas/Moment' }
                  step: { type: string }
                  event: { $ref: '#/components/schemas/SagaEvent' }
                  attempt: { type: integer, minimum: 0 }
                  epoch: { type: integer, minimum: 1 }
                  detail: { type: [string, 'null'], description: 'In words, or the key of a call outside.' }
    SagaStep:
      type: object
      additionalProperties: false
      required: [step, status, attempts, since, nextTryAt, allowed]
      properties:
        step: { type: string }
        status:
          description: |
            - `pending`: nothing has been done.
            - `intended`: its effect may be there.
            - `done`, `skipped`, or `void`: known to have no effect.
            - `undoing`, `undone`: on the way back.
            - `stuck`: it, or its compensation, was given up.
          enum: [pending, intended, done, void, skipped, undoing, undone, stuck]
        attempts: { type: integer, minimum: 0, description: In its present direction. }
        since:
          description: When it was first taken up.
          oneOf: [{ $ref: '#/components/schemas/Moment' }, { type: 'null' }]
        nextTryAt:
          description: When it is tried next.
          oneOf: [{ $ref: '#/components/schemas/Moment' }, { type: 'null' }]
        allowed:
          description: What may be decided about it now.
          type: array
          items: { $ref: '#/components/schemas/SagaVerb' }
    SagaLock:
      type: object
      additionalProperties: false
      required: [resource, isHeld, holder, since, waiting]
      properties:
        resource: { type: string }
        isHeld: { type: boolean, description: Whether this saga holds it. }
        holder: { $ref: '#/components/schemas/SagaID' }
        since: { $ref: '#/components/schemas/Moment' }
        waiting:
          description: Who stands in line, the first one first.
          type: array
          maxItems: 256
          items: { $ref: '#/components/schemas/SagaID' }
    DatabaseServer:
      type: object
      additionalProperties: false
      required:
        - database
        - server
        - address
        - engine
        - standing
        - detail
        - isPrimary
        - serves
        - timeline
        - lagBytes
        - lagMilliseconds
      properties:
        database: { type: string, description: 'As the configuration calls it: `control`, a shard, or `provider`.' }
        server: { type: string, description: 'As in `Pantry-Served-By`.' }
        address: { type: string, description: '`host:port`; empty for a file.' }
        engine: { enum: [sqlite, postgresql] }
        standing: { enum: [untried, down, primary, replica, lagging, ahead, refused] }
        detail: { type: string, description: 'The standing in words, with its reason.' }
        isPrimary: { type: boolean }
        serves: { type: boolean, description: Whether reads go there. }
        timeline: { type: [integer, 'null'], description: The valid timeline of the database. }
        lagBytes: { type: integer, minimum: 0, description: Log between it and the primary. }
        lagMilliseconds: { type: [integer, 'null'], minimum: 0, description: How old its state is at most. }
    Pool:
      description: The connections of the process that answers.
      type: object
      additionalProperties: false
      required: [database, server, address, limit, size, leased, idle, waiting, tenants, oldestWaitMilliseconds]
      properties:
        database: { type: string }
        server: { type: string }
        address: { type: string }
        limit: { type: integer, minimum: 1 }
        size: { type: integer, minimum: 0, description: 'All of them, those being opened or closed included.' }
        leased: { type: integer, minimum: 0 }
        idle: { type: integer, minimum: 0 }
        waiting: { type: integer, minimum: 0, description: Callers that wait for one. }
        tenants: { type: integer, minimum: 0, description: Organizations that hold or await one. }
        oldestWaitMilliseconds: { type: [integer, 'null'], minimum: 0 }
    CircuitBreaker:
      description: A circuit breaker of the process that answers.
      type: object
      additionalProperties: false
      required:
        - name
        - state
        - mode
        - generation
        - retryAfterMilliseconds
        - calls
        - failurePercent
        - slowPercent
        - latencyMicroseconds
        - totals
      properties:
        name: { type: string, description: Whom it stands before. }
        state: { $ref: '#/components/schemas/CircuitState' }
        mode:
          description: |
            Who decides: the breaker (`automatic`), nobody while it only looks (`observing`), or an operator (`forcedOpen`, `disabled`; `state`
            is then `open` or `closed`).
          enum: [automatic, observing, forcedOpen, disabled]
        generation: { type: integer, minimum: 0, description: Counts the changes of state and mode. }
        retryAfterMilliseconds: { type: [integer, 'null'], minimum: 0, description: How long an open circuit still waits. }
        calls: { type: integer, minimum: 0, description: Those that the percentages are of. }
        failurePercent: { type: [integer, 'null'], minimum: 0, maximum: 100 }
        slowPercent: { type: [integer, 'null'], minimum: 0, maximum: 100, description: Where slow calls count. }
        latencyMicroseconds:
          description: Of the calls of the last minute, within 6.25 percent.
          type: object
          additionalProperties: false
          required: [p50, p95, p99]
          properties:
            p50: { type: [integer, 'null'], minimum: 0 }
            p95: { type: [integer, 'null'], minimum: 0 }
            p99: { type: [integer, 'null'], minimum: 0 }
        totals:
          description: Since the process began.
          type: object
          additionalProperties: false
          required:
            - successes
            - failures
            - timeouts
            - ignored
            - slow
            - rejections
            - wouldHaveRejected
            - stale
            - dropped
            - expiredProbes
            - openings
          properties:
            successes: { type: integer, minimum: 0 }
            failures: { type: integer, minimum: 0, description: 'Timeouts among them.' }
            timeouts: { type: integer, minimum: 0 }
            ignored: { type: integer, minimum: 0, description: Calls that say nothing about whom they were for. }
            slow: { type: integer, minimum: 0 }
            rejections: { type: integer, minimum: 0, description: Calls that were kept back. }
            wouldHaveRejected: { type: integer, minimum: 0, description: While observing. }
            stale: { type: integer, minimum: 0, description: Calls that ended after the circuit had changed. }
            dropped: { type: integer, minimum: 0 }
            expiredProbes: { type: integer, minimum: 0, description: Trial calls that did not end in time. }
            openings: { type: integer, minimum: 0 }
    CircuitState:
      description: Calls go through, are kept back, or go through one by one to see.
      type: string
      enum: [closed, open, halfOpen]
    CircuitDecision:
      type: object
      additionalProperties: false
      required: [action]
      properties:
        action: { type: string, enum: [open, close, tryNow, automatic, observe, forceOpen, disable] }
    LimitsReport:
      type: object
      additionalProperties: false
      required: [data, store, processes, counts]
      properties:
        data:
          type: array
          items:
            type: object
            additionalProperties: false
            required: [plan, requests, orders]
            properties:
              plan: { type: string, description: "The plan's name; `anonymous` is for addresses." }
              requests:
                oneOf:
                  - { $ref: '#/components/schemas/PlanLimit' }
                  - { type: 'null' }
              orders:
                oneOf:
                  - { $ref: '#/components/schemas/PlanLimit' }
                  - { type: 'null' }
        store: { enum: [memory, redis], description: Where they are kept. }
        processes: { type: integer, minimum: 1, description: 'How many share them, as far as this one knows.' }
        counts:
          description: Of the process that answers, since it began. All are zero with `memory`, where nothing has to be asked for.
          type: object
          additionalProperties: false
          required:
            - storeTrips
            - storeFailures
            - leaseDecisions
            - rememberedRefusals
            - fallbackDecisions
            - fallbackAdmissions
            - tokensReconciled
            - wouldHaveRefused
          properties:
            storeTrips: { type: integer, minimum: 0, description: Times that the store was asked. }
            storeFailures: { type: integer, minimum: 0, description: Times that it gave no answer. }
            leaseDecisions: { type: integer, minimum: 0, description: Decisions from tokens that were taken in advance. }
            rememberedRefusals: { type: integer, minimum: 0, description: Refusals because the store had just refused. }
            fallbackDecisions: { type: integer, minimum: 0, description: Decisions while the store was away. }
            fallbackAdmissions: { type: integer, minimum: 0, description: Of those, the ones that admitted. }
            tokensReconciled: { type: integer, minimum: 0, description: What was charged once the store was back. }
            wouldHaveRefused: { type: integer, minimum: 0, description: Refusals of limits that only report. }
    PlanLimit:
      type: object
      additionalProperties: false
      required: [algorithm, quota, windowMilliseconds]
      properties:
        algorithm: { enum: [fixed-window, token-bucket] }
        quota: { type: integer, minimum: 1, description: 'How many in a window, or at once.' }
        windowMilliseconds: { type: integer, minimum: 1, description: 'The window; of a bucket, how long it takes to fill.' }
        blockMilliseconds:
          description: How long one over the limit is refused; where it is missing, until there is room.
          type: integer
          minimum: 1
    Product:
      type: object
      additionalProperties: false
      required: [sku, name, unitPrice, category, attributes, createdAt, updatedAt]
      properties:
        sku: { $ref: '#/components/schemas/SKU' }
        name: { $ref: '#/components/schemas/Name' }
        unitPrice: { $ref: '#/components/schemas/Price' }
        category: { $ref: '#/components/schemas/Category' }
        attributes: { type: object, description: 'As they were sent; empty if none were.' }
        createdAt: { $ref: '#/components/schemas/Moment' }
        updatedAt: { $ref: '#/components/schemas/Moment' }
    ProductRequest:
      type: object
      additionalProperties: false
      required: [sku, name, unitPrice]
      properties:
        sku: { $ref: '#/components/schemas/SKU' }
        name: { $ref: '#/components/schemas/Name' }
        unitPrice: { $ref: '#/components/schemas/Price' }
        category: { $ref: '#/components/schemas/Category' }
        attributes: { $ref: '#/components/schemas/OwnDocument' }
    ProductPatch:
      type: object
      additionalProperties: false
      properties:
        name: { $ref: '#/components/schemas/Name' }
        unitPrice: { $ref: '#/components/schemas/Price' }
        category: { $ref: '#/components/schemas/Category' }
        attributes: { $ref: '#/components/schemas/OwnDocument' }
    ProductImportLines: { type: string, description: 'One `ProductImportLine` a line, in UTF-8.' }
    ProductImportLine:
      description: A line of an import as NDJSON.
      type: object
      additionalProperties: false
      required: [sku, name, unitPrice]
      properties:
        sku: { $ref: '#/components/schemas/SKU' }
        name: { $ref: '#/components/schemas/Name' }
        unitPrice: { $ref: '#/components/schemas/Price' }
        category: { $ref: '#/components/schemas/Category' }
        onHand: { type: [integer, 'null'], minimum: 0, maximum: 9007199254740991 }
    ProductImportReport:
      type: object
      additionalProperties: false
      required: [imported, failed, errors]
      properties:
        imported: { type: integer, minimum: 0, description: 'Rows that were carried out, those that changed nothing included.' }
        failed: { type: integer, minimum: 0, description: Rows that were not. }
        errors:
          description: The first 1,000 rows that were not.
          type: array
          maxItems: 1000
          items:
            type: object
            additionalProperties: false
            required: [line, code, detail]
            properties:
              line: { type: integer, minimum: 1, description: 'Where the row begins, from 1.' }
              code:
                description: Of the first thing that is wrong with the row; `malformed-request` where it cannot be read.
                type: string
                pattern: '^[a-z-]+$'
              detail: { type: string, description: All that is wrong with the row. }
    Stock:
      type: object
      additionalProperties: false
      required: [sku, onHand, reserved, available]
      properties:
        sku: { $ref: '#/components/schemas/SKU' }
        onHand: { $ref: '#/components/schemas/Units' }
        reserved: { $ref: '#/components/schemas/Units' }
        available: { $ref: '#/components/schemas/Units' }
    StockChange:
      type: object
      additionalProperties: false
      required: [sku, onHand, reserved, available]
      properties:
        sku: { $ref: '#/components/schemas/SKU' }
        onHand: { $ref: '#/components/schemas/Units' }
        reserved: { $ref: '#/components/schemas/Units' }
        available: { $ref: '#/components/schemas/Units' }
        movement: { $ref: '#/components/schemas/StockMovement' }
    StockMovement:
      type: object
      additionalProperties: false
      required: [id, sku, delta, reason, reference, at]
      properties:
        id: { type: string, pattern: '^mov_[0-7][0-9a-hjkmnp-tv-z]{25}$' }
        sku: { $ref: '#/components/schemas/SKU' }
        delta: { type: integer, not: { const: 0 } }
        reason: { type: string, description: 'What the caller gave, `count`, or `fulfilled`.' }
        reference: { type: [string, 'null'], description: "An order's id, or what the caller gave." }
        at: { $ref: '#/components/schemas/Moment' }
    StockCount:
      type: object
      additionalProperties: false
      required: [onHand]
      properties:
        onHand: { $ref: '#/components/schemas/Units' }
        expectedOnHand:
          description: The balance that the counter believes in.
          type: [integer, 'null']
          minimum: 0
          maximum: 9007199254740991
    StockAdjustment:
      type: object
      additionalProperties: false
      required: [delta, reason]
      properties:
        delta:
          description: Units that come, or go when it is negative.
          oneOf:
            - { type: integer, minimum: 1, maximum: 9007199254740991 }
            - { type: integer, minimum: -9007199254740991, maximum: -1 }
        reason: { $ref: '#/components/schemas/Reason' }
        reference: { type: [string, 'null'], maxLength: 200, pattern: '^[^\x00-\x1F\x7F-\x9F]*$' }
    Organization:
      type: object
      additionalProperties: false
      required: [id, number, name, plan, region, shard, createdAt]
      properties:
        id: { $ref: '#/components/schemas/OrganizationID' }
        number: { type: integer, minimum: 0, description: 'Counts the organizations of the installation, from 0.' }
        name: { $ref: '#/components/schemas/Name' }
        plan: { $ref: '#/components/schemas/Plan' }
        region: { $ref: '#/components/schemas/Region' }
        shard: { type: string, pattern: '^[a-z0-9-]{1,32}$' }
        createdAt: { $ref: '#/components/schemas/Moment' }
    NewOrganization:
      type: object
      additionalProperties: false
      required: [id, number, name, plan, region, shard, createdAt, apiKey]
      properties:
        id: { $ref: '#/components/schemas/OrganizationID' }
        number: { type: integer, minimum: 0, description: 'Counts the organizations of the installation, from 0.' }
        name: { $ref: '#/components/schemas/Name' }
        plan: { $ref: '#/components/schemas/Plan' }
        region: { $ref: '#/components/schemas/Region' }
        shard: { type: string, pattern: '^[a-z0-9-]{1,32}$' }
        createdAt: { $ref: '#/components/schemas/Moment' }
        apiKey: { $ref: '#/components/schemas/ApiKey' }
    OrganizationRequest:
      type: object
      additionalProperties: false
      required: [name]
      properties:
        name: { $ref: '#/components/schemas/Name' }
        plan:
          description: One of the configured plans; `standard` when it is missing.
          oneOf:
            - { $ref: '#/components/schemas/Plan' }
            - { type: 'null' }
        region: { $ref: '#/components/schemas/Region' }
    OrganizationPatch:
      type: object
      additionalProperties: false
      required: [plan]
      properties:
        plan: { $ref: '#/components/schemas/Plan' }
    Plan:
      description: A configured plan; those of every installation are `trial`, `burst`, `standard`, `unlimited` and `anonymous`.
      type: string
      minLength: 1
      maxLength: 64
      pattern: '^[^\x00-\x1F\x7F-\x9F]*$'
      examples: [standard]
    Region:
      description: Where the organization's data is to live; no effect on one shard.
      type: [string, 'null']
      minLength: 1
      maxLength: 50
      pattern: '^[^\x00-\x1F\x7F-\x9F]*$'
    Key:
      type: object
      additionalProperties: false
      required: [id, role, createdAt, revokedAt]
      properties:
        id: { $ref: '#/components/schemas/KeyID' }
        role: { $ref: '#/components/schemas/Role' }
        createdAt: { $ref: '#/components/schemas/Moment' }
        revokedAt:
          oneOf:
            - { $ref: '#/components/schemas/Moment' }
            - { type: 'null' }
    NewKey:
      type: object
      additionalProperties: false
      required: [id, role, createdAt, revokedAt, apiKey]
      properties:
        id: { $ref: '#/components/schemas/KeyID' }
        role: { $ref: '#/components/schemas/Role' }
        createdAt: { $ref: '#/components/schemas/Moment' }
        revokedAt: { type: 'null' }
        apiKey: { $ref: '#/components/schemas/ApiKey' }
    SessionRequest:
      type: object
      additionalProperties: false
      required: [subject]
      properties:
        subject: { $ref: '#/components/schemas/Subject' }
        attributes:
          description: As an `OwnDocument`, but at most 4 KiB.
          type: [object, 'null']
        role:
          description: At most that of the credentials that make the session; `read` where nothing is said.
          enum: [read, write, admin, null]
    Session:
      type: object
      additionalProperties: false
      required: [id, organizationId, subject, attributes, role, createdAt, expiresAt]
      properties:
        id: { $ref: '#/components/schemas/SessionID' }
        organizationId: { $ref: '#/components/schemas/OrganizationID' }
        subject: { $ref: '#/components/schemas/Subject' }
        attributes: { type: object, description: 'As they were sent; empty if none were.' }
        role: { $ref: '#/components/schemas/Role' }
        createdAt: { $ref: '#/components/schemas/Moment' }
        expiresAt: { $ref: '#/components/schemas/Moment' }
    NewSession:
      type: object
      additionalProperties: false
      required: [id, organizationId, subject, attributes, role, createdAt, expiresAt, token]
      properties:
        id: { $ref: '#/components/schemas/SessionID' }
        organizationId: { $ref: '#/components/schemas/OrganizationID' }
        subject: { $ref: '#/components/schemas/Subject' }
        attributes: { type: object, description: 'As they were sent; empty if none were.' }
        role: { $ref: '#/components/schemas/Role' }
        createdAt: { $ref: '#/components/schemas/Moment' }
        expiresAt: { $ref: '#/components/schemas/Moment' }
        token:
          description: The session's id, the number of its organization, and 256 random bits, with dots between.
          type: string
          pattern: '^ses_[0-7][0-9a-hjkmnp-tv-z]{25}\.(0|[1-9][0-9]*)\.[A-Za-z0-9_-]{43}$'
    Role:
      description: What a key or a session may do; each role includes those before it.
      type: string
      enum: [read, write, admin]
    ApiKey:
      description: The key's id, a dot, and 256 random bits.
      type: string
      pattern: '^key_[0-7][0-9a-hjkmnp-tv-z]{25}\.[A-Za-z0-9_-]{43}$'
    Health:
      type: object
      additionalProperties: false
      required: [status, timestamp, checks]
      properties:
        status: { enum: [healthy, unhealthy] }
        timestamp: { $ref: '#/components/schemas/Moment' }
        checks:
          type: object
          additionalProperties: false
          required: [database, cache]
          properties:
            database: { enum: [fulfilled, rejected] }
            cache: { enum: [fulfilled, rejected] }
    Page:
      type: object
      additionalProperties: false
      required: [nextCursor, hasMore]
      properties:
        nextCursor: { type: [string, 'null'], description: 'For `?cursor=` of the next page; null on the last one.' }
        hasMore: { type: boolean }
    EventPage:
      type: object
      additionalProperties: false
      required: [nextCursor, hasMore]
      properties:
        nextCursor: { type: string, pattern: '^[0-9]+$', description: 'The last position, for `?after=` of the next poll.' }
        hasMore: { type: boolean, description: Whether there are more events at once. }
    Event:
      description: |
        A CloudEvent 1.0. `data` is what the event is about, such as the order as it was then; members may be added. Other attributes are as
        the specification and its extensions have them.
      type: object
      required: [specversion, id, source, type, time, subject, organizationid, partitionkey, sequence, position, data]
      properties:
        specversion: { const: '1.0' }
        id: { type: string, pattern: '^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$', description: The same whenever the event comes again. }
        source: { type: string, minLength: 1 }
        type: { type: string, pattern: '^[a-z]+:[a-zA-Z]+$', description: 'Such as `order:confirmed`.' }
        time: { $ref: '#/components/schemas/Moment' }
        subject: { type: string, minLength: 1, description: 'Whose event it is: the id of an order, a SKU.' }
        organizationid: { $ref: '#/components/schemas/OrganizationID' }
        partitionkey: { type: string, minLength: 1, description: What events are ordered under. }
        sequence: { type: string, pattern: '^[0-9]+$', description: '1, 2, 3 … of this `partitionkey`.' }
        position: { type: integer, minimum: 1, description: The place among all events of the organization. }
        traceparent: { type: string, description: The trace of the request that caused it. }
        consistencytoken: { $ref: '#/components/schemas/ConsistencyToken' }
        data: { type: object }
    Money:
      type: object
      additionalProperties: false
      required: [amount, currency]
      properties:
        amount: { type: integer, minimum: 0, maximum: 9007199254740991, description: Minor units (cents). }
        currency: { $ref: '#/components/schemas/Currency' }
    Price:
      description: Money, and not nothing.
      type: object
      additionalProperties: false
      required: [amount, currency]
      properties:
        amount: { type: integer, minimum: 1, maximum: 9007199254740991, description: Minor units (cents). }
        currency: { $ref: '#/components/schemas/Currency' }
    Currency: { description: ISO 4217., type: string, pattern: '^[A-Z]{3}$' }
    Quantity: { description: Whole units., type: integer, minimum: 1, maximum: 1000000000 }
    Units: { description: Whole units., type: integer, minimum: 0, maximum: 9007199254740991 }
    SKU: { description: Names a product within its organization., type: string, pattern: '^[A-Za-z0-9._-]{1,64}$' }
    Name: { type: string, minLength: 1, maxLength: 200, pattern: '^[^\x00-\x1F\x7F-\x9F]*$' }
    Category: { type: [string, 'null'], maxLength: 100, pattern: '^[^\x00-\x1F\x7F-\x9F]*$' }
    Reason: { type: string, minLength: 1, maxLength: 200, pattern: '^[^\x00-\x1F\x7F-\x9F]*$' }
    OwnDocument:
      description: |
        An object of the caller's own, stored as it is: at most 8 KiB as compact JSON, 16 levels deep, no NUL in its texts.
      type: [object, 'null']
    OrderID: { type: string, pattern: '^ord_[0-7][0-9a-hjkmnp-tv-z]{25}$' }
    OrganizationID: { type: string, pattern: '^org_[0-7][0-9a-hjkmnp-tv-z]{25}$' }
    SagaID: { type: string, pattern: '^saga_[0-7][0-9a-hjkmnp-tv-z]{25}$' }
    Subject:
      description: The organization's own name for its user.
      type: string
      minLength: 1
      maxLength: 255
      pattern: '^[^\x00-\x1F\x7F-\x9F]*$'
    SessionID: { type: string, pattern: '^ses_[0-7][0-9a-hjkmnp-tv-z]{25}$' }
    KeyID: { type: string, pattern: '^key_[0-7][0-9a-hjkmnp-tv-z]{25}$' }
    IdempotencyKey: { type: string, minLength: 1, maxLength: 255, pattern: '^[!-~]+$' }
    ConsistencyToken: { type: string, maxLength: 1024, pattern: '^[0-9]+\.[A-Za-z0-9_-]+$' }
    RequestID: { type: string, pattern: '^[A-Za-z0-9._-]{1,128}$' }
    Moment:
      description: RFC 3339 in UTC with milliseconds.
      type: string
      format: date-time
      pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$'
    Problem:
      description: |
        A problem document (RFC 9457). `code` is the stable name of what is wrong; each belongs to one status. Members beyond the
        standard ones come with certain codes only.
      type: object
      additionalProperties: false
      required: [type, title, status, detail, code, requestId, retryable]
      properties:
        type: { type: string, format: uri, pattern: '^https://pantry\.dev/problems/[a-z-]+$' }
        title: { type: string, description: The same for every occurrence of the code. }
        status: { type: integer, minimum: 400, maximum: 599 }
        detail: { type: string, description: What is wrong this time. }
        code: { type: string, pattern: '^[a-z-]+$' }
        requestId: { $ref: '#/components/schemas/RequestID' }
        retryable: { type: boolean, description: Whether the same request may succeed later unchanged. }
        errors:
          description: Everything that is wrong with the body; with `invalid`.
          type: array
          minItems: 1
          maxItems: 1000
          items: { $ref: '#/components/schemas/FieldError' }
        lines:
          description: What is short; with `out-of-stock`.
          type: array
          minItems: 1
          items: { $ref: '#/components/schemas/Availability' }
        current:
          description: The balance as it is; with `stock-changed`.
          type: object
          additionalProperties: false
          required: [onHand]
          properties:
            onHand: { $ref: '#/components/schemas/Units' }
        from:
          description: The status of the order or the saga; with `invalid-transition`.
          anyOf: [{ $ref: '#/components/schemas/OrderStatus' }, { $ref: '#/components/schemas/SagaStatus' }]
        allowed:
          description: The statuses that may follow, or what may be decided about the saga; with `invalid-transition`.
          type: array
          items: { anyOf: [{ $ref: '#/components/schemas/OrderStatus' }, { $ref: '#/components/schemas/SagaVerb' }] }
        error: { type: string, const: Too many requests, description: For clients of the first version; with `rate-limited`. }
        retryAfter: { type: integer, minimum: 1, description: 'Seconds, as in `Retry-After`; with `rate-limited`.' }
        declineCode: { type: string, description: The provider's reason; with `payment-declined`. }
        orderId: { $ref: '#/components/schemas/OrderID', description: The failed order; with `payment-declined`. }
        line: { type: integer, minimum: 1, description: Where an import's body cannot be read; with `malformed-request`. }
        import: { $ref: '#/components/schemas/ProductImportReport', description: What had become of an import's rows. }
      oneOf:
        - properties: { status: { const: 400 }, code: { enum: [malformed-request, invalid-cursor, idempotency-key-required] } }
        - properties: { status: { const: 401 }, code: { const: unauthorized } }
        - properties: { status: { const: 402 }, code: { const: payment-declined } }
          required: [declineCode]
        - properties: { status: { const: 403 }, code: { const: forbidden } }
        - properties: { status: { const: 404 }, code: { const: not-found } }
        - properties: { status: { const: 405 }, code: { const: method-not-allowed } }
        - properties: { status: { const: 408 }, code: { const: request-timeout } }
        - properties:
            status: { const: 409 }
            code: { enum: [already-exists, order-busy, idempotency-in-progress] }
        - properties: { status: { const: 409 }, code: { const: write-lost } }
        - properties: { status: { const: 409 }, code: { const: out-of-stock } }
          required: [lines]
        - properties: { status: { const: 409 }, code: { const: stock-changed } }
          required: [current]
        - properties: { status: { const: 409 }, code: { const: invalid-transition } }
          required: [from, allowed]
        - properties: { status: { const: 413 }, code: { const: body-too-large } }
        - properties: { status: { const: 414 }, code: { const: uri-too-long } }
        - properties: { status: { const: 415 }, code: { const: unsupported-media-type } }
        - properties: { status: { const: 417 }, code: { const: expectation-failed } }
        - properties: { status: { const: 422 }, code: { const: invalid } }
          required: [errors]
        - properties: { status: { const: 422 }, code: { const: idempotency-key-reused } }
        - properties: { status: { const: 429 }, code: { const: rate-limited } }
          required: [error]
        - properties: { status: { const: 431 }, code: { const: headers-too-large } }
        - properties: { status: { const: 500 }, code: { const: internal } }
        - properties:
            status: { const: 503 }
            code: { enum: [shard-unavailable, overloaded, payment-unavailable] }
        - properties: { status: { const: 505 }, code: { const: unsupported-http-version } }
    FieldError:
      type: object
      additionalProperties: false
      required: [pointer, code, detail]
      properties:
        pointer: { type: string, pattern: '^(/|$)', description: 'A JSON pointer into the body (RFC 6901).' }
        code:
          enum:
            - control-character
            - invalid-currency
            - invalid-sku
            - invalid-value
            - mixed-currencies
            - out-of-range
            - required
            - too-deep
            - too-few
            - too-large
            - too-long
            - too-many
            - too-short
            - unknown-member
            - unknown-payment-method
            - unknown-plan
            - unknown-sku
            - wrong-currency
            - wrong-step
            - wrong-type
        detail: { type: string, description: What would be right. }

"""#
}
