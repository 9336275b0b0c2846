-- compatible: adds one function.
--
-- The engine's batch as one call, hence one round trip and one implicit transaction. src/operations/commit-batch.ts says
-- what the parameters are, why this form was chosen, and reads the errors raised here: ZC001 = fenced (detail: JSON list
-- of partitions), ZC002 = conflict (detail: JSON list of run ids). Raising undoes everything the call wrote.
--
-- Planner: plans inside a function are cached for the session. One made while a table was small would scan it whole,
-- and would be kept until the next analyze, long after the table grew. With scans and hash joins off, every statement
-- goes from the batch's rows through the primary key, at any size.
CREATE FUNCTION commit_batch(
	p_partitions int[], p_epochs int[],
	p_heads json, p_head_count int,
	p_tasks json, p_task_count int,
	p_attempts json, p_deployments json
) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
	v_count int;
	v_detail text;
	v_deployment record;
	v_version int;
BEGIN
	-- The fence. FOR SHARE makes a takeover's UPDATE wait until this transaction ends, and makes this statement wait for
	-- a takeover under way, after which the old epoch no longer matches. FOR KEY SHARE would not: epoch is no key.
	PERFORM 1
	FROM unnest(p_partitions, p_epochs) AS f(id, epoch)
	JOIN partitions p ON p.id = f.id AND p.epoch = f.epoch
	FOR SHARE OF p;
	GET DIAGNOSTICS v_count = ROW_COUNT;
	IF v_count <> cardinality(p_partitions) THEN
		SELECT coalesce(json_agg(f.id), '[]')::text INTO v_detail
		FROM unnest(p_partitions, p_epochs) AS f(id, epoch)
		WHERE NOT EXISTS (SELECT 1 FROM partitions p WHERE p.id = f.id AND p.epoch = f.epoch);
		RAISE EXCEPTION 'fenced' USING ERRCODE = 'ZC001', DETAIL = v_detail;
	END IF;

	IF p_head_count > 0 THEN
		UPDATE runs r SET
			state = u.state,
			version = u.version,
			started_at = to_timestamp(u.started_at / 1000),
			finished_at = to_timestamp(u.finished_at / 1000),
			cancel_deadline_at = to_timestamp(u.cancel_deadline_at / 1000)
		FROM json_to_recordset(p_heads) AS u(
			id uuid, from_version int, state text, version int,
			started_at float8, finished_at float8, cancel_deadline_at float8
		)
		WHERE r.id = u.id AND r.version = u.from_version;
		GET DIAGNOSTICS v_count = ROW_COUNT;
		IF v_count <> p_head_count THEN
			-- What this transaction wrote carries its id as xmin (there is no subtransaction here); the rest did not match.
			SELECT coalesce(json_agg(DISTINCT u.id), '[]')::text INTO v_detail
			FROM json_to_recordset(p_heads) AS u(id uuid)
			WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = u.id AND r.xmin = pg_current_xact_id()::xid);
			RAISE EXCEPTION 'conflict' USING ERRCODE = 'ZC002', DETAIL = v_detail;
		END IF;
	END IF;

	IF p_task_count > 0 THEN
		UPDATE operator_tasks t SET
			state = u.state,
			attempt = u.attempt,
			attempt_id = u.attempt_id,
			retries = u.retries,
			ready_at = to_timestamp(u.ready_at / 1000),
			started_at = to_timestamp(u.started_at / 1000),
			finished_at = to_timestamp(u.finished_at / 1000),
			retry_at = to_timestamp(u.retry_at / 1000),
			worker = u.worker,
			error = u.error,
			result = u.result,
			progress = u.progress
		FROM json_to_recordset(p_tasks) AS u(
			run_id uuid, ordinal int, from_state text, from_attempt int, state text, attempt int, attempt_id text,
			retries int, ready_at float8, started_at float8, finished_at float8, retry_at float8,
			worker text, error jsonb, result jsonb, progress jsonb
		)
		WHERE t.run_id = u.run_id AND t.ordinal = u.ordinal AND t.state = u.from_state AND t.attempt = u.from_attempt;
		GET DIAGNOSTICS v_count = ROW_COUNT;
		IF v_count <> p_task_count THEN
			SELECT coalesce(json_agg(DISTINCT u.run_id), '[]')::text INTO v_detail
			FROM json_to_recordset(p_tasks) AS u(run_id uuid, ordinal int)
			WHERE NOT EXISTS (
				SELECT 1 FROM operator_tasks t
				WHERE t.run_id = u.run_id AND t.ordinal = u.ordinal AND t.xmin = pg_current_xact_id()::xid
			);
			RAISE EXCEPTION 'conflict' USING ERRCODE = 'ZC002', DETAIL = v_detail;
		END IF;
	END IF;

	IF p_attempts IS NOT NULL THEN
		INSERT INTO attempts (run_id, ordinal, attempt, attempt_id, outcome, started_at, finished_at, worker, error)
		SELECT u.run_id, u.ordinal, u.attempt, u.attempt_id, u.outcome,
			to_timestamp(u.started_at / 1000), to_timestamp(u.finished_at / 1000), u.worker, u.error
		FROM json_to_recordset(p_attempts) AS u(
			run_id uuid, ordinal int, attempt int, attempt_id text, outcome text,
			started_at float8, finished_at float8, worker text, error jsonb
		)
		ON CONFLICT DO NOTHING;
	END IF;

	IF p_deployments IS NOT NULL THEN
		-- By name: two batches that deploy the same models lock their rows in the same order.
		FOR v_deployment IN
			SELECT u.run_id, u.ordinal, u.attempt, u.deployment, op.id AS operator_id,
				left(coalesce(nullif(u.deployment ->> 'name', ''), op.id), 200) AS name,
				left(nullif(u.deployment ->> 'alias', ''), 200) AS alias
			FROM json_to_recordset(p_deployments) AS u(run_id uuid, ordinal int, attempt int, deployment jsonb)
			JOIN runs r ON r.id = u.run_id
			JOIN dag_versions v ON v.dag_id = r.dag_id AND v.version = r.dag_version
			CROSS JOIN LATERAL (SELECT v.plan -> 'operators' -> u.ordinal ->> 'id' AS id) op
			ORDER BY name, u.run_id, u.ordinal, u.attempt
		LOOP
			INSERT INTO models (name, latest_version, created_at) VALUES (v_deployment.name, 0, now())
			ON CONFLICT DO NOTHING;
			PERFORM 1 FROM models m WHERE m.name = v_deployment.name FOR UPDATE;
			CONTINUE WHEN EXISTS (
				SELECT 1 FROM model_versions mv
				WHERE mv.run_id = v_deployment.run_id AND mv.operator_ordinal = v_deployment.ordinal
					AND mv.attempt = v_deployment.attempt
			);
			UPDATE models m SET latest_version = m.latest_version + 1 WHERE m.name = v_deployment.name
			RETURNING m.latest_version INTO v_version;
			UPDATE model_versions mv SET alias = NULL WHERE mv.name = v_deployment.name AND mv.alias = v_deployment.alias;
			INSERT INTO model_versions
				(name, version, alias, run_id, operator_ordinal, operator_id, attempt, uri, deployment, created_at)
			VALUES (
				v_deployment.name, v_version, v_deployment.alias, v_deployment.run_id, v_deployment.ordinal,
				v_deployment.operator_id, v_deployment.attempt, coalesce(v_deployment.deployment ->> 'model_uri', ''),
				v_deployment.deployment, now()
			);
		END LOOP;
	END IF;
END
$$;
