-- What the codec refuses, the tables refuse too: times outside 2000 to 2085, whose expiry would wrap or that are another
-- unit's, numbers that are none, counts that are none, texts that are no UTF-8. So a message ends alike whoever its
-- neighbours in an insert are.
-- tests/contract/test_storable.py compares these with weir.events.ranges; a row that was stored before stays.

ALTER TABLE accounts ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(numbered_source)
    AND numbered_boot_epoch BETWEEN 0 AND 3660767999999999
    AND first_seq BETWEEN 0 AND 281474976710655
    AND last_seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(account)
    AND isValidUTF8(reason);

ALTER TABLE alerts ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(fingerprint)
    AND isValidUTF8(rule)
    AND isValidUTF8(rule_digest)
    AND isValidUTF8(state)
    AND isValidUTF8(severity)
    AND isValidUTF8(group_key)
    AND isFinite(value)
    AND isFinite(threshold)
    AND (starts_at_us = 0 OR starts_at_us BETWEEN 946684800000000 AND 3660767999999999)
    AND (ends_at_us = 0 OR ends_at_us BETWEEN 946684800000000 AND 3660767999999999)
    AND isValidUTF8(cause_event_id)
    AND arrayAll(text -> isValidUTF8(text), mapKeys(labels))
    AND arrayAll(text -> isValidUTF8(text), mapValues(labels))
    AND arrayAll(text -> isValidUTF8(text), mapKeys(annotations))
    AND arrayAll(text -> isValidUTF8(text), mapValues(annotations));

ALTER TABLE dead_letters ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(topic)
    AND isValidUTF8(consumer_group)
    AND isValidUTF8(reason)
    AND isValidUTF8(error)
    AND isValidUTF8(payload_sha256);

ALTER TABLE drift_signals ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(route)
    AND isValidUTF8(detector)
    AND isValidUTF8(config_digest)
    AND isValidUTF8(state)
    AND isValidUTF8(level)
    AND isValidUTF8(part)
    AND isValidUTF8(verdict)
    AND isFinite(statistic)
    AND isFinite(threshold)
    AND isFinite(arl_target)
    AND (since_time_us = 0 OR since_time_us BETWEEN 946684800000000 AND 3660767999999999)
    AND isValidUTF8(reference_version)
    AND isValidUTF8(reference_digest)
    AND isValidUTF8(trigger_request_id)
    AND arrayAll(text -> isValidUTF8(text), example_request_ids)
    AND isValidUTF8(explanation)
    AND isValidUTF8(guarantee)
    AND arrayAll(text -> isValidUTF8(text), example_before_request_ids)
    AND arrayAll(shifted_terms_item -> isValidUTF8(tupleElement(shifted_terms_item, 'term')) AND isFinite(tupleElement(shifted_terms_item, 'z')) AND isFinite(tupleElement(shifted_terms_item, 'share_before')) AND isFinite(tupleElement(shifted_terms_item, 'share_after')), shifted_terms)
    AND arrayAll(clusters_item -> isValidUTF8(tupleElement(clusters_item, 'name')) AND isFinite(tupleElement(clusters_item, 'per_100')) AND isFinite(tupleElement(clusters_item, 'per_100_before')) AND arrayAll(text -> isValidUTF8(text), tupleElement(clusters_item, 'request_ids')), clusters)
    AND isFinite(psi)
    AND arrayAll(psi_by_cluster_item -> isValidUTF8(tupleElement(psi_by_cluster_item, 'name')) AND isFinite(tupleElement(psi_by_cluster_item, 'share_before')) AND isFinite(tupleElement(psi_by_cluster_item, 'share_after')) AND isFinite(tupleElement(psi_by_cluster_item, 'psi')), psi_by_cluster)
    AND arrayAll(blame_item -> isValidUTF8(tupleElement(blame_item, 'kind')) AND isValidUTF8(tupleElement(blame_item, 'name')) AND isValidUTF8(tupleElement(blame_item, 'version')) AND isValidUTF8(tupleElement(blame_item, 'digest')) AND isFinite(tupleElement(blame_item, 'log_e')), blame)
    AND isValidUTF8(dataset_name)
    AND isValidUTF8(dataset_version)
    AND isValidUTF8(dataset_digest)
    AND isFinite(skew_p_mmd)
    AND isFinite(skew_p_novelty)
    AND arrayAll(text -> isValidUTF8(text), affected_request_ids)
    AND isValidUTF8(author)
    AND isValidUTF8(reason)
    AND isValidUTF8(next_reference_version);

ALTER TABLE evaluation_scores ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(request_id)
    AND isValidUTF8(response_event_id)
    AND isValidUTF8(route)
    AND isValidUTF8(evaluator)
    AND isValidUTF8(evaluator_version)
    AND isValidUTF8(evaluator_digest)
    AND isFinite(score)
    AND isValidUTF8(label)
    AND isValidUTF8(explanation)
    AND isFinite(inclusion_probability)
    AND isValidUTF8(sampling_salt)
    AND arrayAll(references_item -> isValidUTF8(tupleElement(references_item, 'kind')) AND isValidUTF8(tupleElement(references_item, 'name')) AND isValidUTF8(tupleElement(references_item, 'version')) AND isValidUTF8(tupleElement(references_item, 'digest')), references)
    AND isValidUTF8(release_digest)
    AND isValidUTF8(session_id)
    AND isValidUTF8(anchor_id);

ALTER TABLE feedback ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(request_id)
    AND isFinite(score)
    AND isValidUTF8(label)
    AND isValidUTF8(comment);

ALTER TABLE governance_log ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(actor)
    AND isValidUTF8(action)
    AND isValidUTF8(kind)
    AND isValidUTF8(name)
    AND isValidUTF8(digest)
    AND isValidUTF8(decision)
    AND isValidUTF8(reason)
    AND isValidUTF8(previous_hash)
    AND isValidUTF8(record_hash);

ALTER TABLE inference_requests ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(request_id)
    AND isValidUTF8(client_request_id)
    AND isValidUTF8(session_id)
    AND isValidUTF8(protocol)
    AND isValidUTF8(operation)
    AND isValidUTF8(route)
    AND isValidUTF8(model)
    AND isValidUTF8(input_text)
    AND isValidUTF8(user_text)
    AND isValidUTF8(parameters_json)
    AND arrayAll(references_item -> isValidUTF8(tupleElement(references_item, 'kind')) AND isValidUTF8(tupleElement(references_item, 'name')) AND isValidUTF8(tupleElement(references_item, 'version')) AND isValidUTF8(tupleElement(references_item, 'digest')), references)
    AND isValidUTF8(release_digest);

ALTER TABLE inference_responses ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(request_id)
    AND isValidUTF8(client_request_id)
    AND isValidUTF8(session_id)
    AND isValidUTF8(protocol)
    AND isValidUTF8(operation)
    AND isValidUTF8(route)
    AND isValidUTF8(model)
    AND isValidUTF8(input_text)
    AND isValidUTF8(user_text)
    AND isValidUTF8(parameters_json)
    AND isValidUTF8(request_event_id)
    AND start_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isFinite(latency_ms)
    AND isFinite(ifNull(time_to_first_token_ms, 0))
    AND isValidUTF8(outcome)
    AND isValidUTF8(error_type)
    AND isValidUTF8(error_message)
    AND isValidUTF8(output_text)
    AND isValidUTF8(finish_reason)
    AND arrayAll(contexts_item -> isValidUTF8(tupleElement(contexts_item, 'passage_id')) AND isValidUTF8(tupleElement(contexts_item, 'dataset')) AND isValidUTF8(tupleElement(contexts_item, 'dataset_digest')) AND isFinite(tupleElement(contexts_item, 'score')) AND isValidUTF8(tupleElement(contexts_item, 'text')), contexts)
    AND arrayAll(references_item -> isValidUTF8(tupleElement(references_item, 'kind')) AND isValidUTF8(tupleElement(references_item, 'name')) AND isValidUTF8(tupleElement(references_item, 'version')) AND isValidUTF8(tupleElement(references_item, 'digest')), references)
    AND isValidUTF8(release_digest);

ALTER TABLE ops_signals ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(name)
    AND isValidUTF8(subject)
    AND isValidUTF8(state)
    AND isFinite(value)
    AND isFinite(threshold)
    AND isValidUTF8(explanation)
    AND arrayAll(text -> isValidUTF8(text), mapKeys(labels))
    AND arrayAll(text -> isValidUTF8(text), mapValues(labels));

ALTER TABLE registry_changes ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND revision BETWEEN 0 AND 281474976710655
    AND isValidUTF8(change)
    AND isValidUTF8(kind)
    AND isValidUTF8(name)
    AND isValidUTF8(version)
    AND isValidUTF8(digest)
    AND isValidUTF8(alias)
    AND isValidUTF8(previous_digest)
    AND isValidUTF8(body_json)
    AND isValidUTF8(author);

ALTER TABLE spans ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(request_id)
    AND isValidUTF8(route)
    AND arrayAll(spans_item -> isValidUTF8(tupleElement(spans_item, 'span_id')) AND isValidUTF8(tupleElement(spans_item, 'parent_span_id')) AND isValidUTF8(tupleElement(spans_item, 'name')) AND isValidUTF8(tupleElement(spans_item, 'kind')) AND isValidUTF8(tupleElement(spans_item, 'service')) AND tupleElement(spans_item, 'start_time_us') BETWEEN 946684800000000 AND 3660767999999999 AND (tupleElement(spans_item, 'end_time_us') = 0 OR tupleElement(spans_item, 'end_time_us') BETWEEN 946684800000000 AND 3660767999999999) AND isValidUTF8(tupleElement(spans_item, 'status')) AND arrayAll(text -> isValidUTF8(text), mapKeys(tupleElement(spans_item, 'attributes'))) AND arrayAll(text -> isValidUTF8(text), mapValues(tupleElement(spans_item, 'attributes'))), spans);

ALTER TABLE text_features ADD CONSTRAINT IF NOT EXISTS storable CHECK isValidUTF8(event_id)
    AND isValidUTF8(source)
    AND boot_epoch BETWEEN 0 AND 3660767999999999
    AND seq BETWEEN 0 AND 281474976710655
    AND isValidUTF8(tenant)
    AND isValidUTF8(trace_id)
    AND isValidUTF8(span_id)
    AND isValidUTF8(parent_span_id)
    AND event_time_us BETWEEN 946684800000000 AND 3660767999999999
    AND isValidUTF8(route)
    AND isValidUTF8(embedding_model)
    AND arrayAll(items_item -> isValidUTF8(tupleElement(items_item, 'response_event_id')) AND isValidUTF8(tupleElement(items_item, 'request_id')) AND isValidUTF8(tupleElement(items_item, 'session_id')) AND isValidUTF8(tupleElement(items_item, 'trace_id')) AND tupleElement(items_item, 'event_time_us') BETWEEN 946684800000000 AND 3660767999999999 AND isValidUTF8(tupleElement(items_item, 'outcome')) AND isFinite(tupleElement(items_item, 'latency_ms')) AND isFinite(tupleElement(items_item, 'inclusion_probability')) AND isFinite(tupleElement(tupleElement(items_item, 'prompt'), 'punctuation_share')) AND isFinite(tupleElement(tupleElement(items_item, 'prompt'), 'digit_share')) AND isFinite(tupleElement(tupleElement(items_item, 'prompt'), 'mean_word_chars')) AND arrayAll(text -> isValidUTF8(text), tupleElement(tupleElement(items_item, 'prompt'), 'tokens')) AND isFinite(arraySum(tupleElement(tupleElement(items_item, 'prompt'), 'embedding'))) AND isFinite(tupleElement(tupleElement(items_item, 'answer'), 'punctuation_share')) AND isFinite(tupleElement(tupleElement(items_item, 'answer'), 'digit_share')) AND isFinite(tupleElement(tupleElement(items_item, 'answer'), 'mean_word_chars')) AND arrayAll(text -> isValidUTF8(text), tupleElement(tupleElement(items_item, 'answer'), 'tokens')) AND isFinite(arraySum(tupleElement(tupleElement(items_item, 'answer'), 'embedding'))) AND arrayAll(references_item -> isValidUTF8(tupleElement(references_item, 'kind')) AND isValidUTF8(tupleElement(references_item, 'name')) AND isValidUTF8(tupleElement(references_item, 'version')) AND isValidUTF8(tupleElement(references_item, 'digest')), tupleElement(items_item, 'references')) AND isValidUTF8(tupleElement(items_item, 'release_digest')), items);
