/// What `# HELP` says about each of Pantry's metrics, by the name it is made with.
enum MetricDescriptions {
    static let all: [String: String] = [
        "pantry_http_requests": "Requests answered, by method, route pattern and status. 499: the client had gone.",
        "pantry_http_request_duration": "Seconds from a request's headers to its answer.",
        "pantry_http_requests_in_flight": "Requests that are being answered.",
        "pantry_http_connections": "Open client connections.",
        "pantry_lane_batch_commands": "Commands that left the write lane's queue together.",
        "pantry_lane_queue_wait": "Seconds that a command waited for its batch.",
        "pantry_lane_batch_duration": "Seconds from a batch's begin to its last outcome.",
        "pantry_lane_rows": "Rows that batches wrote.",
        "pantry_lane_failures": "Commands that got no outcome, by reason.",
        "pantry_lane_waiting": "Commands that wait for a batch.",
        "pantry_commit_duration": "Seconds that a commit took, its sync included.",
        "pantry_read_duration": "Seconds that reads of a database took, waiting for a connection included.",
        "pantry_sagas_running": "Sagas at work in this process.",
        "pantry_sagas": "Times that work on a saga came to an end, by outcome.",
        "pantry_orders": "Orders whose checkout ended, by outcome.",
        "pantry_provider_calls": "Calls of the payment provider, by operation and outcome.",
        "pantry_provider_call_duration": "Seconds that calls of the payment provider took.",
        "pantry_ready": "1 once recovery's first pass is over, else 0.",
        "pantry_start_up_seconds": "Seconds from the start to readiness; 0 before that.",
        "pantry_build_info": "1, labeled with the version.",
        "pantry_trace_spans": "Spans since the start: exported, dropped, or waiting now.",
    ]
}
