-- All that an order of three lines executes, in its order, once its products have been asked for before.
-- Orders that wait at the same moment share each of the three transactions. Parameters are open.
-- OrderStatementsTests keeps this file equal to what the code does.

-- transaction 1, in the shard
BEGIN IMMEDIATE;
PRAGMA data_version;
SELECT organization, scope, fingerprint, created_at, state, kind, document, subject, saga, version FROM idempotency_keys WHERE organization = $1 AND scope = $2;
INSERT INTO idempotency_keys (organization, scope, fingerprint, created_at, state, kind, document, subject, saga, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
INSERT INTO orders (organization, id, created_at, currency, total, lines, metadata, payment_id, idempotency_scope, status, reason, saga, saga_scope, events, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);
INSERT INTO payments (organization, id, order_id, amount, currency, method, on_unavailable, provider_key, created_at, status, captured, refunded, refunding, provider_reference, failure_code, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);
INSERT INTO sagas (organization, id, definition, definition_version, outline, subject, created_at, deadline, input, state, step, epoch, owner, lease_until, due_at, attempts, entries, reason, progress, data, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22);
UPDATE stock SET on_hand = $1, reserved = $2, queued = $3, events = $4, version = version + 1 WHERE organization = $5 AND sku = $6 AND version = $7;
UPDATE stock SET on_hand = $1, reserved = $2, queued = $3, events = $4, version = version + 1 WHERE organization = $5 AND sku = $6 AND version = $7;
UPDATE stock SET on_hand = $1, reserved = $2, queued = $3, events = $4, version = version + 1 WHERE organization = $5 AND sku = $6 AND version = $7;
INSERT INTO reservations (organization, sku, order_id, quantity, created_at, state, expires_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
INSERT INTO reservations (organization, sku, order_id, quantity, created_at, state, expires_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
INSERT INTO reservations (organization, sku, order_id, quantity, created_at, state, expires_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
INSERT INTO outbox (organization, key, sequence, id, type, partition, position, time, traceparent, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
INSERT INTO outbox (organization, key, sequence, id, type, partition, position, time, traceparent, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
INSERT INTO saga_log (organization, saga, entry, at, step, kind, epoch, attempt, detail, last_entry, further) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);
COMMIT;

-- transaction 2, in the provider's own file
BEGIN IMMEDIATE;
PRAGMA data_version;
SELECT key, kind, reference, parent, amount, currency, method, created_at, status, refunded, completes_at, entries, version FROM operations WHERE key = $1;
INSERT INTO operations (key, kind, reference, parent, amount, currency, method, created_at, status, refunded, completes_at, entries, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);
INSERT INTO entries (key, number, kind, amount, at) VALUES ($1, $2, $3, $4, $5);
COMMIT;

-- transaction 3, in the shard
BEGIN IMMEDIATE;
PRAGMA data_version;
UPDATE idempotency_keys SET state = $1, kind = $2, document = $3, subject = $4, saga = $5, version = version + 1 WHERE organization = $6 AND scope = $7 AND version = $8;
UPDATE orders SET status = $1, reason = $2, saga = $3, saga_scope = $4, events = $5, updated_at = $6, version = version + 1 WHERE organization = $7 AND id = $8 AND version = $9;
UPDATE payments SET status = $1, captured = $2, refunded = $3, refunding = $4, provider_reference = $5, failure_code = $6, updated_at = $7, version = version + 1 WHERE organization = $8 AND id = $9 AND version = $10;
UPDATE sagas SET state = $1, step = $2, epoch = $3, owner = $4, lease_until = $5, due_at = $6, attempts = $7, entries = $8, reason = $9, progress = $10, data = $11, updated_at = $12, version = version + 1 WHERE organization = $13 AND id = $14 AND version = $15;
INSERT INTO outbox (organization, key, sequence, id, type, partition, position, time, traceparent, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
INSERT INTO outbox (organization, key, sequence, id, type, partition, position, time, traceparent, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
INSERT INTO saga_log (organization, saga, entry, at, step, kind, epoch, attempt, detail, last_entry, further) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);
COMMIT;
