BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('dc11669786a5');
CREATE TABLE "assessments" (
	assessment_id VARCHAR(50) NOT NULL, 
	trace_id VARCHAR(50) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	assessment_type VARCHAR(20) NOT NULL, 
	value TEXT NOT NULL, 
	error TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	source_type VARCHAR(50) NOT NULL, 
	source_id VARCHAR(250), 
	run_id VARCHAR(32), 
	span_id VARCHAR(50), 
	rationale TEXT, 
	overrides VARCHAR(50), 
	valid BOOLEAN NOT NULL, 
	assessment_metadata TEXT, 
	experiment_id INTEGER, 
	trace_timestamp_ms BIGINT, 
	aggregate_value FLOAT, 
	is_numeric_value BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT assessments_pk PRIMARY KEY (assessment_id), 
	CONSTRAINT fk_assessments_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE budget_policies (
	budget_policy_id VARCHAR(36) NOT NULL, 
	budget_unit VARCHAR(32) NOT NULL, 
	budget_amount FLOAT NOT NULL, 
	duration_unit VARCHAR(32) NOT NULL, 
	duration_value INTEGER NOT NULL, 
	target_scope VARCHAR(32) NOT NULL, 
	budget_action VARCHAR(32) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, target_value VARCHAR(255), 
	CONSTRAINT budget_policies_pk PRIMARY KEY (budget_policy_id)
);
CREATE TABLE "datasets" (
	dataset_uuid VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	dataset_source_type VARCHAR(36) NOT NULL, 
	dataset_source TEXT NOT NULL, 
	dataset_schema TEXT, 
	dataset_profile TEXT, 
	CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest), 
	CONSTRAINT fk_datasets_experiment_id_experiments FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "datasets" VALUES('0805aa2453634b91999f51ce357c542a',1,'first','10811a0ddef29a44','local','{"uri": "/tmp/shardgan-first-wave/home/datasets/first/10811a0ddef29a44/manifest.json"}',NULL,NULL);
CREATE TABLE endpoint_bindings (
	endpoint_id VARCHAR(36) NOT NULL, 
	resource_type VARCHAR(50) NOT NULL, 
	resource_id VARCHAR(255) NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), display_name VARCHAR(255), 
	CONSTRAINT endpoint_bindings_pk PRIMARY KEY (endpoint_id, resource_type, resource_id), 
	CONSTRAINT fk_endpoint_bindings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE endpoint_model_mappings (
	mapping_id VARCHAR(36) NOT NULL, 
	endpoint_id VARCHAR(36) NOT NULL, 
	model_definition_id VARCHAR(36) NOT NULL, 
	weight FLOAT NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, linkage_type VARCHAR(64) DEFAULT 'PRIMARY' NOT NULL, fallback_order INTEGER, 
	CONSTRAINT endpoint_model_mappings_pk PRIMARY KEY (mapping_id), 
	CONSTRAINT fk_endpoint_model_mappings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_endpoint_model_mappings_model_definition_id FOREIGN KEY(model_definition_id) REFERENCES model_definitions (model_definition_id)
);
CREATE TABLE endpoint_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	endpoint_id VARCHAR(36) NOT NULL, 
	CONSTRAINT endpoint_tag_pk PRIMARY KEY ("key", endpoint_id), 
	CONSTRAINT fk_endpoint_tags_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE "endpoints" (
	endpoint_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	routing_strategy VARCHAR(64), 
	fallback_config_json TEXT, 
	experiment_id INTEGER, 
	usage_tracking BOOLEAN DEFAULT '0' NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT endpoints_pk PRIMARY KEY (endpoint_id), 
	CONSTRAINT fk_endpoints_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE SET NULL, 
	CONSTRAINT uq_endpoints_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE entity_associations (
	association_id VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, 
	created_time BIGINT, 
	CONSTRAINT entity_associations_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
CREATE TABLE "evaluation_dataset_records" (
	dataset_record_id VARCHAR(36) NOT NULL, 
	dataset_id VARCHAR(36) NOT NULL, 
	inputs JSON NOT NULL, 
	expectations JSON, 
	tags JSON, 
	source JSON, 
	source_id VARCHAR(36), 
	source_type VARCHAR(255), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	input_hash VARCHAR(64) NOT NULL, outputs JSON, 
	CONSTRAINT evaluation_dataset_records_pk PRIMARY KEY (dataset_record_id), 
	CONSTRAINT fk_evaluation_dataset_records_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE, 
	CONSTRAINT unique_dataset_input UNIQUE (dataset_id, input_hash)
);
CREATE TABLE evaluation_dataset_tags (
	dataset_id VARCHAR(36) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT evaluation_dataset_tags_pk PRIMARY KEY (dataset_id, "key"), 
	CONSTRAINT fk_evaluation_dataset_tags_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE
);
CREATE TABLE "evaluation_datasets" (
	dataset_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	schema TEXT, 
	profile TEXT, 
	digest VARCHAR(64), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT evaluation_datasets_pk PRIMARY KEY (dataset_id)
);
CREATE TABLE "experiment_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO "experiments" VALUES(0,'Default','/tmp/shardgan-first-wave/home/mlartifacts/0','active',1795744036232,1795744036232,'default');
INSERT INTO "experiments" VALUES(1,'first','file:///tmp/shardgan-first-wave/home/mlartifacts/first','active',1795744045234,1795744045234,'default');
CREATE TABLE guardrail_configs (
	endpoint_id VARCHAR(36) NOT NULL, 
	guardrail_id VARCHAR(36) NOT NULL, 
	execution_order INTEGER, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrail_configs_pk PRIMARY KEY (endpoint_id, guardrail_id), 
	CONSTRAINT fk_guardrail_configs_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_guardrail_configs_guardrail_id FOREIGN KEY(guardrail_id) REFERENCES guardrails (guardrail_id) ON DELETE CASCADE
);
CREATE TABLE guardrails (
	guardrail_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	action_endpoint_id VARCHAR(36), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrails_pk PRIMARY KEY (guardrail_id), 
	CONSTRAINT fk_guardrails_scorer_version FOREIGN KEY(scorer_id, scorer_version) REFERENCES scorer_versions (scorer_id, scorer_version), 
	CONSTRAINT fk_guardrails_action_endpoint_id FOREIGN KEY(action_endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE SET NULL
);
CREATE TABLE input_tags (
	input_uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);
INSERT INTO "input_tags" VALUES('aff25264991f46f2a4e6aa04829ba446','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('2d0794c4367149d7b79e413850864073','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('8536ee4be0d04ebebeca6ab374b09fe1','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('219f9d38066e436093a54815810e18b4','mlflow.data.context','training');
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
INSERT INTO "inputs" VALUES('aff25264991f46f2a4e6aa04829ba446','DATASET','0805aa2453634b91999f51ce357c542a','RUN','f806869bf4e94b358c66ceaf318bb1a5',0);
INSERT INTO "inputs" VALUES('e0976553e57f4beda4dc16912157c6f3','RUN_OUTPUT','f806869bf4e94b358c66ceaf318bb1a5','MODEL_OUTPUT','m-7e3a8253766a46e68277cc2b114c8612',0);
INSERT INTO "inputs" VALUES('2d0794c4367149d7b79e413850864073','DATASET','0805aa2453634b91999f51ce357c542a','RUN','16716dba9e194ef5973fa3b5abcd5542',0);
INSERT INTO "inputs" VALUES('010475eb44f246da8d32d938219bec2a','RUN_OUTPUT','16716dba9e194ef5973fa3b5abcd5542','MODEL_OUTPUT','m-fc33f12e504d4ab4b1315f7a46880ffa',0);
INSERT INTO "inputs" VALUES('8536ee4be0d04ebebeca6ab374b09fe1','DATASET','0805aa2453634b91999f51ce357c542a','RUN','8bb6e5aa754c4b5f82631d10ce77640d',0);
INSERT INTO "inputs" VALUES('219f9d38066e436093a54815810e18b4','DATASET','0805aa2453634b91999f51ce357c542a','RUN','640a44f7f6ff49e7a6f12b3a768ff463',0);
CREATE TABLE issues (
	issue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	description TEXT NOT NULL, 
	status VARCHAR(50) NOT NULL, 
	severity VARCHAR(50), 
	root_causes TEXT, 
	source_run_id VARCHAR(32), 
	categories TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	CONSTRAINT issues_pk PRIMARY KEY (issue_id), 
	CONSTRAINT fk_issues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT fk_issues_source_run_id FOREIGN KEY(source_run_id) REFERENCES runs (run_uuid) ON DELETE SET NULL
);
CREATE TABLE job_locks (
	lock_key VARCHAR(255) NOT NULL, 
	job_id VARCHAR(36) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	CONSTRAINT job_locks_pk PRIMARY KEY (lock_key), 
	CONSTRAINT fk_job_locks_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE "jobs" (
	id VARCHAR(36) NOT NULL, 
	creation_time BIGINT NOT NULL, 
	job_name VARCHAR(500) NOT NULL, 
	params TEXT NOT NULL, 
	timeout FLOAT, 
	status INTEGER NOT NULL, 
	result TEXT, 
	retry_count INTEGER NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, status_details JSON, creator VARCHAR(255), executor_backend VARCHAR(255), lease_expires_at BIGINT, status_message TEXT, progress JSON, progress_updated_at BIGINT, token_hash VARCHAR(64), scoped_permissions JSON, next_attempt_at BIGINT, 
	CONSTRAINT jobs_pk PRIMARY KEY (id)
);
CREATE TABLE label_schemas (
	schema_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	instruction TEXT, 
	enable_comment BOOLEAN DEFAULT '0' NOT NULL, 
	input_type VARCHAR(32) NOT NULL, 
	input_config TEXT NOT NULL, 
	created_by VARCHAR(255), 
	created_time BIGINT NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	is_default BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT label_schemas_pk PRIMARY KEY (schema_id), 
	CONSTRAINT fk_label_schemas_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_label_schemas_exp_name UNIQUE (experiment_id, name)
);
CREATE TABLE "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "latest_metrics" VALUES('loss_d',8.55699926614761352539e-02,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('logit_real',3.34494137763977050781e+00,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('logit_fake',-3.29689264297485351562e+00,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('accuracy_real',1.0,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('accuracy_fake',1.0,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('sign_real',1.0,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('gradient_norm_d',3.08918166160583496093e+00,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('loss_g',3.52468180656433105468e+00,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('gradient_norm_g',1.7244129180908203125e+01,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('augment_strength',8.00000154413282871246e-04,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('images_per_second',1.09389712211205619501e+02,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('data_share',2.64654584564204542473e-02,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('memory_bytes',398573568.0,1795744055717,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('quick/FD-EffNetLite0',4.39981098158795731496e+01,1795744101010,480,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('score/804566d2b621/FD-EffNetLite0',4.39294075126703518216e+01,1795744137560,0,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('score/804566d2b621/KD-EffNetLite0',3.76640286624268794124e-02,1795744137604,0,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('score/804566d2b621/KD-EffNetLite0-std',9.99018185147948663271e-03,1795744137665,0,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('score/804566d2b621/precision',1.0,1795744137716,0,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('score/804566d2b621/recall',0.0,1795744137772,0,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('score/804566d2b621/density',1.6,1795744137816,0,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('score/804566d2b621/coverage',7.27272727272727292913e-01,1795744137860,0,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('score/804566d2b621/memorised',1.0,1795744137904,0,0,'f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "latest_metrics" VALUES('loss_d',9.0670324862003326416e-02,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('logit_real',3.43468427658081054687e+00,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('logit_fake',-3.25300097465515136718e+00,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('accuracy_real',1.0,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('accuracy_fake',1.0,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('sign_real',1.0,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('gradient_norm_d',3.5071659088134765625e+00,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('loss_g',3.42768144607543945312e+00,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('gradient_norm_g',1.15163812637329101564e+01,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('augment_strength',8.00000154413282871246e-04,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('images_per_second',118.256718641289,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('data_share',4.81582881189683911782e-02,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('memory_bytes',398630912.0,1795744250085,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('quick/FD-EffNetLite0',4.38265793627764921325e+01,1795744298821,480,0,'16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "latest_metrics" VALUES('loss_d',3.07463288307189941406e-01,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('logit_real',1.83898293972015380859e+00,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('logit_fake',-1.95986580848693847656e+00,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('accuracy_real',1.0,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('accuracy_fake',1.0,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('sign_real',1.0,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('gradient_norm_d',4.53082132339477539062e+00,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('loss_g',2.24796414375305175781e+00,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('gradient_norm_g',1.34994201660156249995e+01,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('augment_strength',3.19999962812289595603e-04,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('images_per_second',8.33060533777095884016e+01,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('data_share',3.06941361930020356965e-03,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('memory_bytes',397832192.0,1795744590872,240,0,'8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "latest_metrics" VALUES('loss_d',3.14699500799179077148e-01,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('logit_real',1.81647014617919921875e+00,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('logit_fake',-1.97104048728942871093e+00,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('accuracy_real',1.0,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('accuracy_fake',1.0,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('sign_real',1.0,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('gradient_norm_d',5.10940599441528320312e+00,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('loss_g',2.28491830825805664062e+00,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('feature_error',2.32785418629646301269e-01,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('divergence',2.50237512588500976562e+00,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('gradient_norm_e',1.17795273661613464355e-01,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('gradient_norm_g',1.1630124092102050781e+01,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('augment_strength',3.19999962812289595603e-04,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('images_per_second',5.42051459540178939269e+01,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('data_share',1.7615296980357461349e-03,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "latest_metrics" VALUES('memory_bytes',400023552.0,1795744727002,240,0,'640a44f7f6ff49e7a6f12b3a768ff463');
CREATE TABLE logged_model_metrics (
	model_id VARCHAR(36) NOT NULL, 
	metric_name VARCHAR(500) NOT NULL, 
	metric_timestamp_ms BIGINT NOT NULL, 
	metric_step BIGINT NOT NULL, 
	metric_value FLOAT, 
	experiment_id INTEGER NOT NULL, 
	run_id VARCHAR(32) NOT NULL, 
	dataset_uuid VARCHAR(36), 
	dataset_name VARCHAR(500), 
	dataset_digest VARCHAR(36), 
	CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id), 
	CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE, 
	CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE
);
CREATE TABLE logged_model_params (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	param_key VARCHAR(255) NOT NULL, 
	param_value TEXT NOT NULL, 
	CONSTRAINT logged_model_params_pk PRIMARY KEY (model_id, param_key), 
	CONSTRAINT fk_logged_model_params_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.preset','auto');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.family','dcgan');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.nimg','480');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.seed','0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.conditional','True');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.batch_size','8');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.latent_dim','8');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.width','4');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.learning_rate','0.0004');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.beta1','0.5');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.beta2','0.999');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.gamma','1.0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.reconstruction','1.0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.schedule.kind','constant');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.schedule.nimg','0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.schedule.learning_rate','5e-05');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.schedule.beta2','0.99');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.schedule.gamma','0.1');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.ema_half_life_nimg','100');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.augment.policy','adaptive');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.augment.strength','1.0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.augment.target','0.6');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.augment.adapt_nimg','500000');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.augment.translation','0.125');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.augment.scale','0.1');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.augment.colour','0.0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.augment.cutout','0.0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compression','off');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.consistency','10.0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.init','');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.freeze_layers','0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.tick_nimg','80');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.snapshot_ticks','3');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.checkpoint_ticks','3');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.keep_checkpoints','1');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.non_finite','rollback');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.discriminator_won','warn');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.collapsed_samples','warn');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.score_worse','warn');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.rollback_factor','0.5');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.score_ticks','3');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.score_images','8');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.score_input_size','32');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.score_factor','1.5');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.score_patience','2');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.won_accuracy','0.995');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.won_loss','0.05');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.won_ticks','5');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.collapsed_spread','0.1');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.collapsed_from_nimg','20000');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.health.collapsed_snapshots','2');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.policy','off');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.trusted','');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.false_positive_rate','0.005');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.held_out','0.5');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.first_steps','800');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.interval_nimg','10000');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.steps','40');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.batch_size','64');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.learning_rate','0.002');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.attacks','(''patch'', ''blend'', ''splice'', ''move'', ''foreign'', ''fgsm'', ''pgd'')');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.shield.epsilon','8.0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compute.device','cpu');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compute.processes','0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compute.threads','1');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compute.micro_batch_size','0');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compute.precision','auto');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compute.tf32','True');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compute.channels_last','True');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'train.compute.compile','False');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'network.family','dcgan');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'network.resolution','32');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'network.channels','3');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'network.num_classes','2');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'network.latent_dim','8');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'network.width','4');
INSERT INTO "logged_model_params" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'dataset','first');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.preset','auto');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.family','dcgan');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.nimg','480');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.seed','1');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.conditional','True');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.batch_size','8');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.latent_dim','8');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.width','4');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.learning_rate','0.0004');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.beta1','0.5');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.beta2','0.999');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.gamma','1.0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.reconstruction','1.0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.schedule.kind','constant');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.schedule.nimg','0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.schedule.learning_rate','5e-05');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.schedule.beta2','0.99');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.schedule.gamma','0.1');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.ema_half_life_nimg','100');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.augment.policy','adaptive');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.augment.strength','1.0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.augment.target','0.6');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.augment.adapt_nimg','500000');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.augment.translation','0.125');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.augment.scale','0.1');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.augment.colour','0.0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.augment.cutout','0.0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compression','off');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.consistency','10.0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.init','');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.freeze_layers','0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.tick_nimg','80');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.snapshot_ticks','3');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.checkpoint_ticks','3');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.keep_checkpoints','1');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.non_finite','rollback');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.discriminator_won','warn');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.collapsed_samples','warn');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.score_worse','warn');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.rollback_factor','0.5');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.score_ticks','3');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.score_images','8');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.score_input_size','32');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.score_factor','1.5');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.score_patience','2');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.won_accuracy','0.995');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.won_loss','0.05');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.won_ticks','5');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.collapsed_spread','0.1');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.collapsed_from_nimg','20000');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.health.collapsed_snapshots','2');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.policy','off');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.trusted','');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.false_positive_rate','0.005');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.held_out','0.5');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.first_steps','800');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.interval_nimg','10000');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.steps','40');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.batch_size','64');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.learning_rate','0.002');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.attacks','(''patch'', ''blend'', ''splice'', ''move'', ''foreign'', ''fgsm'', ''pgd'')');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.shield.epsilon','8.0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compute.device','cpu');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compute.processes','0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compute.threads','1');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compute.micro_batch_size','0');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compute.precision','auto');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compute.tf32','True');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compute.channels_last','True');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'train.compute.compile','False');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'network.family','dcgan');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'network.resolution','32');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'network.channels','3');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'network.num_classes','2');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'network.latent_dim','8');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'network.width','4');
INSERT INTO "logged_model_params" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'dataset','first');
CREATE TABLE logged_model_tags (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	tag_key VARCHAR(255) NOT NULL, 
	tag_value TEXT NOT NULL, 
	CONSTRAINT logged_model_tags_pk PRIMARY KEY (model_id, tag_key), 
	CONSTRAINT fk_logged_model_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
INSERT INTO "logged_model_tags" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'mlflow.user','root');
INSERT INTO "logged_model_tags" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'mlflow.source.name','-c');
INSERT INTO "logged_model_tags" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'mlflow.source.type','LOCAL');
INSERT INTO "logged_model_tags" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'mlflow.modelVersions','[{"name": "first", "version": 1}]');
INSERT INTO "logged_model_tags" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'mlflow.user','root');
INSERT INTO "logged_model_tags" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'mlflow.source.name','-c');
INSERT INTO "logged_model_tags" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'mlflow.source.type','LOCAL');
INSERT INTO "logged_model_tags" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'mlflow.modelVersions','[{"name": "first", "version": 2}]');
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "logged_models" VALUES('m-7e3a8253766a46e68277cc2b114c8612',0,'generator','/tmp/shardgan-first-wave/home/mlartifacts/0/models/m-7e3a8253766a46e68277cc2b114c8612/artifacts',1795744116727,1795744121185,2,'active',NULL,'f806869bf4e94b358c66ceaf318bb1a5',NULL);
INSERT INTO "logged_models" VALUES('m-fc33f12e504d4ab4b1315f7a46880ffa',0,'generator','/tmp/shardgan-first-wave/home/mlartifacts/0/models/m-fc33f12e504d4ab4b1315f7a46880ffa/artifacts',1795744324775,1795744328717,2,'active',NULL,'16716dba9e194ef5973fa3b5abcd5542',NULL);
CREATE TABLE mcp_access_endpoints (
	id VARCHAR(36) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	server_name VARCHAR(256) NOT NULL, 
	server_version VARCHAR(128), 
	server_alias VARCHAR(256), 
	url VARCHAR(2048) NOT NULL, 
	transport_type VARCHAR(32) DEFAULT 'streamable-http' NOT NULL, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_access_endpoints_pk PRIMARY KEY (id), 
	CONSTRAINT mcp_access_endpoints_server_fkey FOREIGN KEY(workspace, server_name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_aliases (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	alias VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	CONSTRAINT mcp_server_aliases_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT mcp_server_aliases_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_tags_pk PRIMARY KEY (workspace, name, "key"), 
	CONSTRAINT mcp_server_tags_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_version_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_version_tags_pk PRIMARY KEY (workspace, name, version, "key"), 
	CONSTRAINT mcp_server_version_tags_version_fkey FOREIGN KEY(workspace, name, version) REFERENCES mcp_server_versions (workspace, name, version) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_versions (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	version_major INTEGER NOT NULL, 
	version_minor INTEGER NOT NULL, 
	version_patch INTEGER NOT NULL, 
	version_prerelease_sort_key VARCHAR(512) NOT NULL, 
	server_json JSON NOT NULL, 
	status VARCHAR(20) DEFAULT 'draft' NOT NULL, 
	tools JSON, 
	source VARCHAR(512), 
	connect_options JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_server_versions_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT mcp_server_versions_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_servers (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	display_name VARCHAR(256), 
	description TEXT, 
	icons JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_servers_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('loss_d',8.78297626972198486328e-01,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('logit_real',5.56850314140319824218e-01,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('logit_fake',-8.63820433616638183593e-01,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('accuracy_real',8.50000023841857910156e-01,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('accuracy_fake',9.12500023841857910156e-01,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('sign_real',0.699999988079071,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',1.1189289093017578125e+01,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('loss_g',1.43979227542877197265e+00,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',7.04323863983154296875e+00,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('augment_strength',1.92000006791204214096e-05,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('images_per_second',9.86524828007223106816e+01,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('data_share',3.6868703063565516631e-02,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('memory_bytes',397221888.0,1795744052329,'f806869bf4e94b358c66ceaf318bb1a5',80,0);
INSERT INTO "metrics" VALUES('loss_d',3.69748890399932861328e-01,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('logit_real',1.48184716701507568359e+00,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('logit_fake',-2.00837373733520507812e+00,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',5.55592632293701171875e+00,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('loss_g',2.31423521041870117187e+00,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.10793590545654296875e+01,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('augment_strength',1.59999995958060026168e-04,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('images_per_second',1.49655570510543697079e+02,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('data_share',1.99578068579227586865e-02,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('memory_bytes',397627392.0,1795744052897,'f806869bf4e94b358c66ceaf318bb1a5',160,0);
INSERT INTO "metrics" VALUES('loss_d',2.16585308313369750976e-01,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('logit_real',2.15261054039001464843e+00,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('logit_fake',-2.57984614372253417968e+00,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',4.93313884735107421875e+00,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('loss_g',2.87129950523376464843e+00,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.49397535324096679691e+01,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('augment_strength',3.19999962812289595603e-04,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('images_per_second',1.34870392301001317035e+02,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('data_share',4.26247759745642263579e-03,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('memory_bytes',397631488.0,1795744053435,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('loss_d',1.48653447628021240234e-01,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('logit_real',2.65258169174194335937e+00,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('logit_fake',-2.83353281021118164062e+00,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',4.5177974700927734375e+00,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('loss_g',3.1369075775146484375e+00,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.9955875396728515625e+01,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('augment_strength',4.79999987874180078506e-04,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('images_per_second',1.21668149289346501969e+02,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('data_share',3.5968283499336040597e-03,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('memory_bytes',398569472.0,1795744054070,'f806869bf4e94b358c66ceaf318bb1a5',320,0);
INSERT INTO "metrics" VALUES('loss_d',1.51458323001861572265e-01,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('logit_real',2.80862832069396972656e+00,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('logit_fake',-2.73416757583618164062e+00,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',5.49687099456787109375e+00,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('loss_g',3.13409543037414550781e+00,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',2.20080108642578125004e+01,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('augment_strength',6.4000010024756193161e-04,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('images_per_second',9.36034516937002791792e+01,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('data_share',2.28935684865010334598e-02,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('memory_bytes',398573568.0,1795744055181,'f806869bf4e94b358c66ceaf318bb1a5',400,0);
INSERT INTO "metrics" VALUES('loss_d',8.55699926614761352539e-02,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('logit_real',3.34494137763977050781e+00,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('logit_fake',-3.29689264297485351562e+00,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',3.08918166160583496093e+00,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('loss_g',3.52468180656433105468e+00,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.7244129180908203125e+01,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('augment_strength',8.00000154413282871246e-04,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('images_per_second',1.09389712211205619501e+02,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('data_share',2.64654584564204542473e-02,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('memory_bytes',398573568.0,1795744055717,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('quick/FD-EffNetLite0',4.39278045200075553103e+01,1795744079614,'f806869bf4e94b358c66ceaf318bb1a5',240,0);
INSERT INTO "metrics" VALUES('quick/FD-EffNetLite0',4.39981098158795731496e+01,1795744101010,'f806869bf4e94b358c66ceaf318bb1a5',480,0);
INSERT INTO "metrics" VALUES('score/804566d2b621/FD-EffNetLite0',4.39294075126703518216e+01,1795744137560,'f806869bf4e94b358c66ceaf318bb1a5',0,0);
INSERT INTO "metrics" VALUES('score/804566d2b621/KD-EffNetLite0',3.76640286624268794124e-02,1795744137604,'f806869bf4e94b358c66ceaf318bb1a5',0,0);
INSERT INTO "metrics" VALUES('score/804566d2b621/KD-EffNetLite0-std',9.99018185147948663271e-03,1795744137665,'f806869bf4e94b358c66ceaf318bb1a5',0,0);
INSERT INTO "metrics" VALUES('score/804566d2b621/precision',1.0,1795744137716,'f806869bf4e94b358c66ceaf318bb1a5',0,0);
INSERT INTO "metrics" VALUES('score/804566d2b621/recall',0.0,1795744137772,'f806869bf4e94b358c66ceaf318bb1a5',0,0);
INSERT INTO "metrics" VALUES('score/804566d2b621/density',1.6,1795744137816,'f806869bf4e94b358c66ceaf318bb1a5',0,0);
INSERT INTO "metrics" VALUES('score/804566d2b621/coverage',7.27272727272727292913e-01,1795744137860,'f806869bf4e94b358c66ceaf318bb1a5',0,0);
INSERT INTO "metrics" VALUES('score/804566d2b621/memorised',1.0,1795744137904,'f806869bf4e94b358c66ceaf318bb1a5',0,0);
INSERT INTO "metrics" VALUES('loss_d',9.369678497314453125e-01,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('logit_real',5.56915640830993652343e-01,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('logit_fake',-6.12407088279724121093e-01,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('accuracy_real',9.12500023841857910156e-01,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('accuracy_fake',0.875,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('sign_real',0.824999988079071,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',1.02955827713012695314e+01,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('loss_g',1.20697224140167236328e+00,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',6.69013309478759765625e+00,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('augment_strength',1.92000006791204214096e-05,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('images_per_second',7.79836856414019337097e+01,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('data_share',5.84624643731521814737e-02,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('memory_bytes',397414400.0,1795744246152,'16716dba9e194ef5973fa3b5abcd5542',80,0);
INSERT INTO "metrics" VALUES('loss_d',3.97029191255569458007e-01,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('logit_real',1.59509253501892089843e+00,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('logit_fake',-1.66497349739074707031e+00,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',5.94468355178833,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('loss_g',2.01552462577819824218e+00,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',9.9780178070068359375e+00,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('augment_strength',1.59999995958060026168e-04,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('images_per_second',1.25561254688504391201e+02,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('data_share',1.81462129766732233049e-02,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('memory_bytes',397815808.0,1795744246825,'16716dba9e194ef5973fa3b5abcd5542',160,0);
INSERT INTO "metrics" VALUES('loss_d',2.49601796269416809082e-01,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('logit_real',2.20319700241088867187e+00,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('logit_fake',-2.25321936607360839843e+00,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',5.69913434982299804687e+00,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('loss_g',2.51158857345581054687e+00,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.16516208648681640625e+01,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('augment_strength',3.19999962812289595603e-04,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('images_per_second',1.33817505139549410844e+02,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('data_share',4.33345241622311132256e-03,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('memory_bytes',397815808.0,1795744247889,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('loss_d',1.59942865371704101562e-01,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('logit_real',2.78186678886413574218e+00,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('logit_fake',-2.63666820526123046875e+00,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',4.98054981231689453125e+00,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('loss_g',2.88023924827575683593e+00,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.27266187667846679691e+01,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('augment_strength',4.79999987874180078506e-04,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('images_per_second',1.1002752202305156004e+02,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('data_share',1.1236066939030273093e-02,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('memory_bytes',398626816.0,1795744248493,'16716dba9e194ef5973fa3b5abcd5542',320,0);
INSERT INTO "metrics" VALUES('loss_d',1.33735314011573791503e-01,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('logit_real',3.08821272850036621093e+00,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('logit_fake',-2.96930932998657226562e+00,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('accuracy_fake',0.987500011920929,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',5.26055145263671875e+00,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('loss_g',3.18679904937744140625e+00,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.16739234924316406252e+01,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('augment_strength',6.4000010024756193161e-04,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('images_per_second',1.04919612429014179615e+02,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('data_share',1.94688977086110819036e-02,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('memory_bytes',398630912.0,1795744249055,'16716dba9e194ef5973fa3b5abcd5542',400,0);
INSERT INTO "metrics" VALUES('loss_d',9.0670324862003326416e-02,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('logit_real',3.43468427658081054687e+00,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('logit_fake',-3.25300097465515136718e+00,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',3.5071659088134765625e+00,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('loss_g',3.42768144607543945312e+00,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.15163812637329101564e+01,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('augment_strength',8.00000154413282871246e-04,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('images_per_second',118.256718641289,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('data_share',4.81582881189683911782e-02,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('memory_bytes',398630912.0,1795744250085,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('quick/FD-EffNetLite0',4.39573702351271862216e+01,1795744274912,'16716dba9e194ef5973fa3b5abcd5542',240,0);
INSERT INTO "metrics" VALUES('quick/FD-EffNetLite0',4.38265793627764921325e+01,1795744298821,'16716dba9e194ef5973fa3b5abcd5542',480,0);
INSERT INTO "metrics" VALUES('loss_d',1.04511177539825439453e+00,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('logit_real',2.99549043178558349609e-01,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('logit_fake',-5.73001325130462646484e-01,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('accuracy_real',0.75,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('accuracy_fake',0.887499988079071,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('sign_real',0.5,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',1.21831912994384765629e+01,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('loss_g',1.18403613567352294921e+00,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.1833417892456054687e+01,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('augment_strength',1.92000006791204214096e-05,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('images_per_second',6.51828752006595095718e+01,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('data_share',3.50895631443985875352e-02,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('memory_bytes',397320192.0,1795744583484,'8bb6e5aa754c4b5f82631d10ce77640d',80,0);
INSERT INTO "metrics" VALUES('loss_d',5.54039239883422851562e-01,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('logit_real',1.14583230018615722656e+00,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('logit_fake',-1.29081523418426513671e+00,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',7.00346136093139648437e+00,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('loss_g',1.70303177833557128906e+00,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.43759870529174804687e+01,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('augment_strength',1.59999995958060026168e-04,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('images_per_second',8.18607998622154298118e+01,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('data_share',1.48463698255790373103e-02,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('memory_bytes',397721600.0,1795744584589,'8bb6e5aa754c4b5f82631d10ce77640d',160,0);
INSERT INTO "metrics" VALUES('loss_d',3.07463288307189941406e-01,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('logit_real',1.83898293972015380859e+00,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('logit_fake',-1.95986580848693847656e+00,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',4.53082132339477539062e+00,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('loss_g',2.24796414375305175781e+00,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.34994201660156249995e+01,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('augment_strength',3.19999962812289595603e-04,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('images_per_second',8.33060533777095884016e+01,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('data_share',3.06941361930020356965e-03,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('memory_bytes',397832192.0,1795744590872,'8bb6e5aa754c4b5f82631d10ce77640d',240,0);
INSERT INTO "metrics" VALUES('loss_d',1.03230702877044677734e+00,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('logit_real',3.1110343337059020996e-01,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('logit_fake',-6.05506241321563720703e-01,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('accuracy_real',0.762499988079071,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('accuracy_fake',9.62499976158142089843e-01,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('sign_real',5.24999976158142089843e-01,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',1.18348064422607421873e+01,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('loss_g',1.19159531593322753906e+00,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('feature_error',1.61980047821998596191e-01,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('divergence',7.00160384178161621093e-01,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_e',9.1970138251781463623e-02,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',9.6052036285400390625e+00,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('augment_strength',1.92000006791204214096e-05,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('images_per_second',4.57058153819806847186e+01,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('data_share',4.09192892910949373996e-02,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('memory_bytes',399482880.0,1795744719048,'640a44f7f6ff49e7a6f12b3a768ff463',80,0);
INSERT INTO "metrics" VALUES('loss_d',5.61465024948120117187e-01,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('logit_real',1.1482219696044921875e+00,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('logit_fake',-1.30004024505615234375e+00,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',7.03407573699951171875e+00,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('loss_g',1.70296955108642578125e+00,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('feature_error',2.15376645326614379882e-01,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('divergence',7.63985872268676757812e-01,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_e',1.34101688861846923828e-01,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.21345806121826171875e+01,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('augment_strength',1.59999995958060026168e-04,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('images_per_second',5.38219914101692964436e+01,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('data_share',2.30258310346087430309e-02,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('memory_bytes',399941632.0,1795744720218,'640a44f7f6ff49e7a6f12b3a768ff463',160,0);
INSERT INTO "metrics" VALUES('loss_d',3.14699500799179077148e-01,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('logit_real',1.81647014617919921875e+00,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('logit_fake',-1.97104048728942871093e+00,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('accuracy_real',1.0,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('accuracy_fake',1.0,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('sign_real',1.0,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_d',5.10940599441528320312e+00,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('loss_g',2.28491830825805664062e+00,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('feature_error',2.32785418629646301269e-01,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('divergence',2.50237512588500976562e+00,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_e',1.17795273661613464355e-01,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('gradient_norm_g',1.1630124092102050781e+01,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('augment_strength',3.19999962812289595603e-04,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('images_per_second',5.42051459540178939269e+01,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('data_share',1.7615296980357461349e-03,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
INSERT INTO "metrics" VALUES('memory_bytes',400023552.0,1795744727002,'640a44f7f6ff49e7a6f12b3a768ff463',240,0);
CREATE TABLE "model_definitions" (
	model_definition_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	secret_id VARCHAR(36), 
	provider VARCHAR(64) NOT NULL, 
	model_name VARCHAR(256) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_definitions_pk PRIMARY KEY (model_definition_id), 
	CONSTRAINT fk_model_definitions_secret_id FOREIGN KEY(secret_id) REFERENCES secrets (secret_id) ON DELETE SET NULL, 
	CONSTRAINT uq_model_definitions_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE "model_version_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY (workspace, "key", name, version), 
	CONSTRAINT fk_model_version_tags_model_versions FOREIGN KEY(workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE
);
INSERT INTO "model_version_tags" VALUES('shardgan.run','first-dcgan-3992d8fd','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.dataset','first','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.dataset_version','10811a0ddef29a44','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.manifest','/tmp/shardgan-first-wave/home/datasets/first/10811a0ddef29a44/manifest.json','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.commit','7f6f5f1c24b9ace7c446190fdddf432d42415687','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.weights_sha256','0375c1a8acf9c4bc7ac51d12f3adb2c812ab56bc862dcc32de81b88d82d1eaf0','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.nimg','240','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.nimg_seen','480','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.chosen','best of 2 quick scores: FD-EffNetLite0 43.93 under protocol 2de68505b457, at 240 images','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.torch_export.sha256','82307ba50d69f21844e63f77543a8db450ff77bf9b8f7d9920f6342f218821cc','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.torch_export.max_abs_difference','0','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.onnx.sha256','77ad3adf0648a9b34637064f4d3ad6c64612a829927e0a7605637f7672e73f20','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.onnx.max_abs_difference','4.47e-08','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.files_sha256','db162e75f1730e428aee789be2e86d781b127d74daaba23d37c7ccc42a022948','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.scores.804566d2b621','{"values":{"FD-EffNetLite0":43.92940751267035,"KD-EffNetLite0":0.03766402866242688,"KD-EffNetLite0-std":0.009990181851479487,"precision":1.0,"recall":0.0,"density":1.6,"coverage":0.7272727272727273,"memorised":1.0},"protocol":{"feature_net":"efficientnet-lite0","weights_sha256":"579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db","input_size":32,"resize_filter":"bicubic-antialias-float","num_generated":16,"num_reference":11,"num_train":14,"dataset":"first","dataset_version":"10811a0ddef29a44","split":"val","seed":0,"classifier_gain":"","generator_state":"ema","saved_as":"","metrics_revision":3},"intervals":{"FD-EffNetLite0":[35.40075572670497,52.45805929863573],"KD-EffNetLite0":[0.019789325347222348,0.055538731977631414],"precision":[0.8063865817272802,1.0],"recall":[2.7755575615628914e-17,0.2588400172488141],"density":[1.4125,1.7875],"coverage":[0.4343497069897537,0.9025411942607853],"memorised":[0.8063865817272802,1.0]},"by_class":{},"by_class_intervals":{}}','first',1,'default');
INSERT INTO "model_version_tags" VALUES('score.FD-EffNetLite0','43.9294','first',1,'default');
INSERT INTO "model_version_tags" VALUES('score.KD-EffNetLite0','0.037664','first',1,'default');
INSERT INTO "model_version_tags" VALUES('score.KD-EffNetLite0-std','0.00999018','first',1,'default');
INSERT INTO "model_version_tags" VALUES('score.precision','1','first',1,'default');
INSERT INTO "model_version_tags" VALUES('score.recall','0','first',1,'default');
INSERT INTO "model_version_tags" VALUES('score.density','1.6','first',1,'default');
INSERT INTO "model_version_tags" VALUES('score.coverage','0.727273','first',1,'default');
INSERT INTO "model_version_tags" VALUES('score.memorised','1','first',1,'default');
INSERT INTO "model_version_tags" VALUES('gate.promoted','true','first',1,'default');
INSERT INTO "model_version_tags" VALUES('gate.why','there was no champion; FD-EffNetLite0 is 43.929','first',1,'default');
INSERT INTO "model_version_tags" VALUES('gate.at','2026-11-27T01:48:58+00:00','first',1,'default');
INSERT INTO "model_version_tags" VALUES('gate.replaced','','first',1,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.run','first-dcgan-7d12fed9','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.dataset','first','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.dataset_version','10811a0ddef29a44','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.manifest','/tmp/shardgan-first-wave/home/datasets/first/10811a0ddef29a44/manifest.json','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.commit','7f6f5f1c24b9ace7c446190fdddf432d42415687','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.weights_sha256','520344cc4183acaf882d73b4f2f03e953750fc264846c3d4bfe543e699fd4a5e','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.nimg','480','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.nimg_seen','480','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.chosen','best of 2 quick scores: FD-EffNetLite0 43.83 under protocol 2de68505b457, at 480 images','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.torch_export.sha256','7ef88bd7db2686fc1e06b8ed59af0256c5d292f498706d596f1314ff02ede279','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.torch_export.max_abs_difference','0','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.onnx.sha256','99d1c7a5841448aaa8d99ff43ca69792c1b4a7b53339c911f05896ebae15d0be','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.onnx.max_abs_difference','1.49e-07','first',2,'default');
INSERT INTO "model_version_tags" VALUES('shardgan.files_sha256','3d436dc8538afb7fefbeeed79c918c8a35198e07d3a3cd0ba60daf204feb0e1f','first',2,'default');
INSERT INTO "model_version_tags" VALUES('gate.promoted','true','first',2,'default');
INSERT INTO "model_version_tags" VALUES('gate.why','by hand: a second champion','first',2,'default');
INSERT INTO "model_version_tags" VALUES('gate.at','2026-11-27T01:54:15+00:00','first',2,'default');
INSERT INTO "model_version_tags" VALUES('gate.replaced','1','first',2,'default');
CREATE TABLE "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
INSERT INTO "model_versions" VALUES('first',1,1795744121381,1795744121381,NULL,NULL,'None','models:/m-7e3a8253766a46e68277cc2b114c8612','f806869bf4e94b358c66ceaf318bb1a5','READY',NULL,NULL,'/tmp/shardgan-first-wave/home/mlartifacts/0/models/m-7e3a8253766a46e68277cc2b114c8612/artifacts','default');
INSERT INTO "model_versions" VALUES('first',2,1795744329158,1795744329158,NULL,NULL,'None','models:/m-fc33f12e504d4ab4b1315f7a46880ffa','16716dba9e194ef5973fa3b5abcd5542','READY',NULL,NULL,'/tmp/shardgan-first-wave/home/mlartifacts/0/models/m-fc33f12e504d4ab4b1315f7a46880ffa/artifacts','default');
CREATE TABLE online_scoring_configs (
	online_scoring_config_id VARCHAR(36) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	sample_rate FLOAT NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	filter_string TEXT, 
	CONSTRAINT online_scoring_config_pk PRIMARY KEY (online_scoring_config_id), 
	CONSTRAINT fk_online_scoring_configs_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE, 
	CONSTRAINT fk_online_scoring_configs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('train.preset','auto','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.family','dcgan','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.nimg','480','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.seed','0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.conditional','True','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.batch_size','8','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.latent_dim','8','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.width','4','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.learning_rate','0.0004','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.beta1','0.5','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.beta2','0.999','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.gamma','1.0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.reconstruction','1.0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.schedule.kind','constant','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.schedule.nimg','0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.schedule.learning_rate','5e-05','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.schedule.beta2','0.99','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.schedule.gamma','0.1','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.ema_half_life_nimg','100','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.augment.policy','adaptive','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.augment.strength','1.0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.augment.target','0.6','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.augment.adapt_nimg','500000','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.augment.translation','0.125','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.augment.scale','0.1','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.augment.colour','0.0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.augment.cutout','0.0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compression','off','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.consistency','10.0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.init','','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.freeze_layers','0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.tick_nimg','80','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.snapshot_ticks','3','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.checkpoint_ticks','3','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.keep_checkpoints','1','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.non_finite','rollback','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.discriminator_won','warn','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.collapsed_samples','warn','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.score_worse','warn','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.rollback_factor','0.5','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.score_ticks','3','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.score_images','8','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.score_input_size','32','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.score_factor','1.5','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.score_patience','2','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.won_accuracy','0.995','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.won_loss','0.05','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.won_ticks','5','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.collapsed_spread','0.1','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.collapsed_from_nimg','20000','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.health.collapsed_snapshots','2','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.policy','off','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.trusted','','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.false_positive_rate','0.005','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.held_out','0.5','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.first_steps','800','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.interval_nimg','10000','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.steps','40','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.batch_size','64','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.learning_rate','0.002','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.attacks','(''patch'', ''blend'', ''splice'', ''move'', ''foreign'', ''fgsm'', ''pgd'')','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.shield.epsilon','8.0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compute.device','cpu','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compute.processes','0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compute.threads','1','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compute.micro_batch_size','0','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compute.precision','auto','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compute.tf32','True','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compute.channels_last','True','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.compute.compile','False','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('network.family','dcgan','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('network.resolution','32','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('network.channels','3','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('network.num_classes','2','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('network.latent_dim','8','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('network.width','4','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('dataset','first','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "params" VALUES('train.preset','auto','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.family','dcgan','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.nimg','480','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.seed','1','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.conditional','True','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.batch_size','8','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.latent_dim','8','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.width','4','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.learning_rate','0.0004','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.beta1','0.5','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.beta2','0.999','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.gamma','1.0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.reconstruction','1.0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.schedule.kind','constant','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.schedule.nimg','0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.schedule.learning_rate','5e-05','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.schedule.beta2','0.99','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.schedule.gamma','0.1','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.ema_half_life_nimg','100','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.augment.policy','adaptive','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.augment.strength','1.0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.augment.target','0.6','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.augment.adapt_nimg','500000','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.augment.translation','0.125','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.augment.scale','0.1','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.augment.colour','0.0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.augment.cutout','0.0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compression','off','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.consistency','10.0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.init','','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.freeze_layers','0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.tick_nimg','80','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.snapshot_ticks','3','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.checkpoint_ticks','3','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.keep_checkpoints','1','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.non_finite','rollback','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.discriminator_won','warn','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.collapsed_samples','warn','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.score_worse','warn','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.rollback_factor','0.5','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.score_ticks','3','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.score_images','8','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.score_input_size','32','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.score_factor','1.5','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.score_patience','2','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.won_accuracy','0.995','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.won_loss','0.05','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.won_ticks','5','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.collapsed_spread','0.1','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.collapsed_from_nimg','20000','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.health.collapsed_snapshots','2','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.policy','off','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.trusted','','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.false_positive_rate','0.005','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.held_out','0.5','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.first_steps','800','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.interval_nimg','10000','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.steps','40','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.batch_size','64','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.learning_rate','0.002','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.attacks','(''patch'', ''blend'', ''splice'', ''move'', ''foreign'', ''fgsm'', ''pgd'')','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.shield.epsilon','8.0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compute.device','cpu','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compute.processes','0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compute.threads','1','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compute.micro_batch_size','0','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compute.precision','auto','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compute.tf32','True','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compute.channels_last','True','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.compute.compile','False','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('network.family','dcgan','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('network.resolution','32','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('network.channels','3','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('network.num_classes','2','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('network.latent_dim','8','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('network.width','4','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('dataset','first','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "params" VALUES('train.preset','auto','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.family','dcgan','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.nimg','1200','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.seed','2','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.conditional','True','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.batch_size','8','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.latent_dim','8','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.width','4','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.learning_rate','0.0004','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.beta1','0.5','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.beta2','0.999','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.gamma','1.0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.reconstruction','1.0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.schedule.kind','constant','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.schedule.nimg','0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.schedule.learning_rate','5e-05','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.schedule.beta2','0.99','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.schedule.gamma','0.1','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.ema_half_life_nimg','100','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.augment.policy','adaptive','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.augment.strength','1.0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.augment.target','0.6','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.augment.adapt_nimg','500000','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.augment.translation','0.125','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.augment.scale','0.1','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.augment.colour','0.0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.augment.cutout','0.0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compression','off','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.consistency','10.0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.init','','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.freeze_layers','0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.tick_nimg','80','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.snapshot_ticks','3','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.checkpoint_ticks','3','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.keep_checkpoints','1','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.non_finite','rollback','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.discriminator_won','warn','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.collapsed_samples','warn','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.score_worse','warn','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.rollback_factor','0.5','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.score_ticks','0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.score_images','8','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.score_input_size','32','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.score_factor','1.5','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.score_patience','2','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.won_accuracy','0.995','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.won_loss','0.05','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.won_ticks','5','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.collapsed_spread','0.1','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.collapsed_from_nimg','20000','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.health.collapsed_snapshots','2','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.policy','off','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.trusted','','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.false_positive_rate','0.005','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.held_out','0.5','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.first_steps','800','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.interval_nimg','10000','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.steps','40','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.batch_size','64','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.learning_rate','0.002','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.attacks','(''patch'', ''blend'', ''splice'', ''move'', ''foreign'', ''fgsm'', ''pgd'')','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.shield.epsilon','8.0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compute.device','cpu','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compute.processes','0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compute.threads','1','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compute.micro_batch_size','0','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compute.precision','auto','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compute.tf32','True','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compute.channels_last','True','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.compute.compile','False','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('network.family','dcgan','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('network.resolution','32','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('network.channels','3','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('network.num_classes','2','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('network.latent_dim','8','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('network.width','4','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('dataset','first','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "params" VALUES('train.preset','auto','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.family','vaegan','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.nimg','1200','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.seed','2','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.conditional','True','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.batch_size','8','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.latent_dim','8','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.width','4','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.learning_rate','0.0004','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.beta1','0.5','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.beta2','0.999','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.gamma','1.0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.reconstruction','1.0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.schedule.kind','constant','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.schedule.nimg','0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.schedule.learning_rate','5e-05','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.schedule.beta2','0.99','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.schedule.gamma','0.1','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.ema_half_life_nimg','100','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.augment.policy','adaptive','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.augment.strength','1.0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.augment.target','0.6','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.augment.adapt_nimg','500000','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.augment.translation','0.125','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.augment.scale','0.1','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.augment.colour','0.0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.augment.cutout','0.0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compression','off','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.consistency','10.0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.init','','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.freeze_layers','0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.tick_nimg','80','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.snapshot_ticks','3','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.checkpoint_ticks','3','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.keep_checkpoints','1','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.non_finite','rollback','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.discriminator_won','warn','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.collapsed_samples','warn','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.score_worse','warn','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.rollback_factor','0.5','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.score_ticks','0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.score_images','8','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.score_input_size','32','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.score_factor','1.5','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.score_patience','2','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.won_accuracy','0.995','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.won_loss','0.05','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.won_ticks','5','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.collapsed_spread','0.1','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.collapsed_from_nimg','20000','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.health.collapsed_snapshots','2','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.policy','off','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.trusted','','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.false_positive_rate','0.005','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.held_out','0.5','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.first_steps','800','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.interval_nimg','10000','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.steps','40','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.batch_size','64','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.learning_rate','0.002','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.attacks','(''patch'', ''blend'', ''splice'', ''move'', ''foreign'', ''fgsm'', ''pgd'')','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.shield.epsilon','8.0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compute.device','cpu','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compute.processes','0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compute.threads','1','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compute.micro_batch_size','0','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compute.precision','auto','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compute.tf32','True','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compute.channels_last','True','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('train.compute.compile','False','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('network.family','vaegan','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('network.resolution','32','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('network.channels','3','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('network.num_classes','2','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('network.latent_dim','8','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('network.width','4','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "params" VALUES('dataset','first','640a44f7f6ff49e7a6f12b3a768ff463');
CREATE TABLE "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO "registered_model_aliases" VALUES('challenger',2,'first','default');
INSERT INTO "registered_model_aliases" VALUES('champion',2,'first','default');
CREATE TABLE "registered_model_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY (workspace, "key", name), 
	CONSTRAINT fk_registered_model_tags_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE "registered_models" (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_pk PRIMARY KEY (workspace, name)
);
INSERT INTO "registered_models" VALUES('first',1795744121313,1795744329158,NULL,'default');
CREATE TABLE review_queue_items (
	queue_id VARCHAR(36) NOT NULL, 
	item_type VARCHAR(16) NOT NULL, 
	item_id VARCHAR(50) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	completed_by VARCHAR(250), 
	completed_time_ms BIGINT, 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	CONSTRAINT review_queue_items_pk PRIMARY KEY (queue_id, item_id), 
	CONSTRAINT fk_review_queue_items_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_label_schemas (
	queue_id VARCHAR(36) NOT NULL, 
	schema_id VARCHAR(36) NOT NULL, 
	CONSTRAINT review_queue_label_schemas_pk PRIMARY KEY (queue_id, schema_id), 
	CONSTRAINT fk_review_queue_label_schemas_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_users (
	queue_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queue_users_pk PRIMARY KEY (queue_id, user_id), 
	CONSTRAINT fk_review_queue_users_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queues (
	queue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	queue_type VARCHAR(16) NOT NULL, 
	created_by VARCHAR(255), 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	name_key VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queues_pk PRIMARY KEY (queue_id), 
	CONSTRAINT fk_review_queues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_review_queues_experiment_name_key UNIQUE (experiment_id, name_key)
);
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('f806869bf4e94b358c66ceaf318bb1a5','first-dcgan-3992d8fd','UNKNOWN','','','unknown','FINISHED',1795744045343,1795744104650,'','active','file:///tmp/shardgan-first-wave/home/mlartifacts/first/f806869bf4e94b358c66ceaf318bb1a5/artifacts',1,NULL);
INSERT INTO "runs" VALUES('16716dba9e194ef5973fa3b5abcd5542','first-dcgan-7d12fed9','UNKNOWN','','','unknown','FINISHED',1795744240196,1795744303308,'','active','file:///tmp/shardgan-first-wave/home/mlartifacts/first/16716dba9e194ef5973fa3b5abcd5542/artifacts',1,NULL);
INSERT INTO "runs" VALUES('8bb6e5aa754c4b5f82631d10ce77640d','first-dcgan-94890150','UNKNOWN','','','unknown','KILLED',1795744576457,1795744590950,'','active','file:///tmp/shardgan-first-wave/home/mlartifacts/first/8bb6e5aa754c4b5f82631d10ce77640d/artifacts',1,NULL);
INSERT INTO "runs" VALUES('640a44f7f6ff49e7a6f12b3a768ff463','first-vaegan-10de2333','UNKNOWN','','','unknown','KILLED',1795744710577,1795744727089,'','active','file:///tmp/shardgan-first-wave/home/mlartifacts/first/640a44f7f6ff49e7a6f12b3a768ff463/artifacts',1,NULL);
CREATE TABLE scheduler_leases (
	lease_key VARCHAR(255) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	ttl_seconds INTEGER NOT NULL, 
	CONSTRAINT scheduler_leases_pk PRIMARY KEY (lease_key)
);
CREATE TABLE scorer_versions (
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	serialized_scorer TEXT NOT NULL, 
	creation_time BIGINT, 
	CONSTRAINT scorer_version_pk PRIMARY KEY (scorer_id, scorer_version), 
	CONSTRAINT fk_scorer_versions_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE
);
CREATE TABLE scorers (
	experiment_id INTEGER NOT NULL, 
	scorer_name VARCHAR(256) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	CONSTRAINT scorer_pk PRIMARY KEY (scorer_id), 
	CONSTRAINT fk_scorers_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE "secrets" (
	secret_id VARCHAR(36) NOT NULL, 
	secret_name VARCHAR(255) NOT NULL, 
	encrypted_value BLOB NOT NULL, 
	wrapped_dek BLOB NOT NULL, 
	kek_version INTEGER NOT NULL, 
	masked_value VARCHAR(500) NOT NULL, 
	provider VARCHAR(64), 
	auth_config TEXT, 
	description TEXT, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT secrets_pk PRIMARY KEY (secret_id), 
	CONSTRAINT uq_secrets_workspace_secret_name UNIQUE (workspace, secret_name)
);
CREATE TABLE span_metrics (
	trace_id VARCHAR(50) NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT span_metrics_pk PRIMARY KEY (trace_id, span_id, "key"), 
	CONSTRAINT fk_span_metrics_span FOREIGN KEY(trace_id, span_id) REFERENCES spans (trace_id, span_id) ON DELETE CASCADE
);
CREATE TABLE "spans" (
	trace_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	parent_span_id VARCHAR(50), 
	name TEXT, 
	type VARCHAR(500), 
	status VARCHAR(50) NOT NULL, 
	start_time_unix_nano BIGINT NOT NULL, 
	end_time_unix_nano BIGINT, 
	duration_ns BIGINT GENERATED ALWAYS AS (end_time_unix_nano - start_time_unix_nano) STORED, 
	content TEXT NOT NULL, 
	input_cost FLOAT, 
	output_cost FLOAT, 
	total_cost FLOAT, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	CONSTRAINT spans_pk PRIMARY KEY (trace_id, span_id), 
	CONSTRAINT fk_spans_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_spans_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE sql_assessment_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_assessment_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_span_cost_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_span_cost_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_metric_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	trace_status VARCHAR(50), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	p50_value FLOAT, 
	p90_value FLOAT, 
	p99_value FLOAT, 
	CONSTRAINT sql_trace_metric_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_rollup_rebuild_queue (
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	rollup_family VARCHAR(50) NOT NULL, 
	CONSTRAINT sql_trace_rollup_rebuild_queue_pk PRIMARY KEY (experiment_id, rollup_day, rollup_family)
);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "tags" VALUES('shardgan.run','first-dcgan-3992d8fd','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('shardgan.run_dir','/tmp/shardgan-first-wave/home/runs/first-dcgan-3992d8fd','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('shardgan.dataset','first','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('shardgan.dataset_version','10811a0ddef29a44','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('shardgan.manifest','/tmp/shardgan-first-wave/home/datasets/first/10811a0ddef29a44/manifest.json','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('shardgan.commit','7f6f5f1c24b9ace7c446190fdddf432d42415687','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('prefect.flow_run_id','d9f9bc2b-0345-4a65-b85c-b94e479ad1c9','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('mlflow.runName','first-dcgan-3992d8fd','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('shardgan.quick_protocol','2de68505b457','f806869bf4e94b358c66ceaf318bb1a5');
INSERT INTO "tags" VALUES('shardgan.run','first-dcgan-7d12fed9','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('shardgan.run_dir','/tmp/shardgan-first-wave/home/runs/first-dcgan-7d12fed9','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('shardgan.dataset','first','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('shardgan.dataset_version','10811a0ddef29a44','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('shardgan.manifest','/tmp/shardgan-first-wave/home/datasets/first/10811a0ddef29a44/manifest.json','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('shardgan.commit','7f6f5f1c24b9ace7c446190fdddf432d42415687','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('prefect.flow_run_id','314b1221-eca4-4494-8dcf-fea4146a769b','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('mlflow.runName','first-dcgan-7d12fed9','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('shardgan.quick_protocol','2de68505b457','16716dba9e194ef5973fa3b5abcd5542');
INSERT INTO "tags" VALUES('shardgan.run','first-dcgan-94890150','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "tags" VALUES('shardgan.run_dir','/tmp/shardgan-first-wave/home/runs/first-dcgan-94890150','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "tags" VALUES('shardgan.dataset','first','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "tags" VALUES('shardgan.dataset_version','10811a0ddef29a44','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "tags" VALUES('shardgan.manifest','/tmp/shardgan-first-wave/home/datasets/first/10811a0ddef29a44/manifest.json','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "tags" VALUES('shardgan.commit','7f6f5f1c24b9ace7c446190fdddf432d42415687','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "tags" VALUES('prefect.flow_run_id','1b84dadb-117c-4404-8296-161fb19cca4a','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "tags" VALUES('mlflow.runName','first-dcgan-94890150','8bb6e5aa754c4b5f82631d10ce77640d');
INSERT INTO "tags" VALUES('shardgan.run','first-vaegan-10de2333','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "tags" VALUES('shardgan.run_dir','/tmp/shardgan-first-wave/home/runs/first-vaegan-10de2333','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "tags" VALUES('shardgan.dataset','first','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "tags" VALUES('shardgan.dataset_version','10811a0ddef29a44','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "tags" VALUES('shardgan.manifest','/tmp/shardgan-first-wave/home/datasets/first/10811a0ddef29a44/manifest.json','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "tags" VALUES('shardgan.commit','7f6f5f1c24b9ace7c446190fdddf432d42415687','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "tags" VALUES('prefect.flow_run_id','3c6a0777-3bd6-4946-82fa-1b132fe6f16c','640a44f7f6ff49e7a6f12b3a768ff463');
INSERT INTO "tags" VALUES('mlflow.runName','first-vaegan-10de2333','640a44f7f6ff49e7a6f12b3a768ff463');
CREATE TABLE "trace_info" (
	request_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	timestamp_ms BIGINT NOT NULL, 
	execution_time_ms BIGINT, 
	status VARCHAR(50) NOT NULL, 
	client_request_id VARCHAR(50), 
	request_preview VARCHAR(1000), 
	response_preview VARCHAR(1000), 
	db_payload_generation INTEGER DEFAULT '0' NOT NULL, trace_name VARCHAR(4096), session_id VARCHAR(250), input_tokens BIGINT, output_tokens BIGINT, total_tokens BIGINT, cache_read_input_tokens BIGINT, cache_creation_input_tokens BIGINT, cache_creation_input_tokens_above_1hr BIGINT, input_cost FLOAT, output_cost FLOAT, total_cost FLOAT, 
	CONSTRAINT trace_info_pk PRIMARY KEY (request_id), 
	CONSTRAINT fk_trace_info_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE trace_metrics (
	request_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT trace_metrics_pk PRIMARY KEY (request_id, "key"), 
	CONSTRAINT fk_trace_metrics_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_request_metadata" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_request_metadata_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_request_metadata_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_tag_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_tags_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE webhook_events (
	webhook_id VARCHAR(256) NOT NULL, 
	entity VARCHAR(50) NOT NULL, 
	action VARCHAR(50) NOT NULL, 
	CONSTRAINT webhook_event_pk PRIMARY KEY (webhook_id, entity, action), 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (webhook_id) ON DELETE cascade
);
CREATE TABLE "webhooks" (
	webhook_id VARCHAR(256) NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	description VARCHAR(1000), 
	url VARCHAR(500) NOT NULL, 
	status VARCHAR(20) DEFAULT 'ACTIVE' NOT NULL, 
	secret VARCHAR(1000), 
	creation_timestamp BIGINT, 
	last_updated_timestamp BIGINT, 
	deleted_timestamp BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT webhook_pk PRIMARY KEY (webhook_id)
);
CREATE TABLE workspaces (
	name VARCHAR(63) NOT NULL, 
	description TEXT, 
	default_artifact_root TEXT, trace_archival_location TEXT, trace_archival_retention VARCHAR(32), 
	CONSTRAINT workspaces_pk PRIMARY KEY (name)
);
INSERT INTO "workspaces" VALUES('default','Default workspace for legacy resources',NULL,NULL,NULL);
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_trace_tags_request_id ON trace_tags (request_id);
CREATE INDEX index_trace_request_metadata_request_id ON trace_request_metadata (request_id);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type ON datasets (experiment_id, dataset_source_type);
CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_logged_model_metrics_model_id ON logged_model_metrics (model_id);
CREATE INDEX index_entity_associations_association_id ON entity_associations (association_id);
CREATE INDEX index_entity_associations_reverse_lookup ON entity_associations (destination_type, destination_id, source_type, source_id);
CREATE INDEX idx_webhook_events_entity ON webhook_events (entity);
CREATE INDEX idx_webhook_events_action ON webhook_events (action);
CREATE INDEX idx_webhook_events_entity_action ON webhook_events (entity, action);
CREATE UNIQUE INDEX index_scorers_experiment_id_scorer_name ON scorers (experiment_id, scorer_name);
CREATE INDEX index_scorer_versions_scorer_id ON scorer_versions (scorer_id);
CREATE INDEX index_evaluation_dataset_tags_dataset_id ON evaluation_dataset_tags (dataset_id);
CREATE INDEX index_evaluation_dataset_records_dataset_id ON evaluation_dataset_records (dataset_id);
CREATE INDEX index_endpoint_model_mappings_endpoint_id ON endpoint_model_mappings (endpoint_id);
CREATE INDEX index_endpoint_model_mappings_model_definition_id ON endpoint_model_mappings (model_definition_id);
CREATE INDEX index_endpoint_tags_endpoint_id ON endpoint_tags (endpoint_id);
CREATE INDEX index_trace_metrics_request_id ON trace_metrics (request_id);
CREATE UNIQUE INDEX unique_endpoint_model_linkage_mapping ON endpoint_model_mappings (endpoint_id, model_definition_id, linkage_type);
CREATE INDEX index_span_metrics_trace_id_span_id ON span_metrics (trace_id, span_id);
CREATE INDEX index_evaluation_datasets_created_time ON evaluation_datasets (created_time);
CREATE INDEX index_evaluation_datasets_name ON evaluation_datasets (name);
CREATE INDEX idx_webhooks_name ON webhooks (name);
CREATE INDEX idx_webhooks_status ON webhooks (status);
CREATE TRIGGER prevent_secrets_aad_mutation
BEFORE UPDATE ON secrets
FOR EACH ROW
WHEN OLD.secret_id != NEW.secret_id OR OLD.secret_name != NEW.secret_name
BEGIN
    SELECT RAISE(ABORT, 'secret_id and secret_name are immutable (used as AAD in encryption)');
END;
CREATE INDEX index_model_definitions_provider ON model_definitions (provider);
CREATE INDEX index_model_definitions_secret_id ON model_definitions (secret_id);
CREATE INDEX index_jobs_name_status_creation_time ON jobs (job_name, workspace, status, creation_time);
CREATE INDEX idx_experiments_workspace ON experiments (workspace);
CREATE INDEX idx_registered_models_workspace ON registered_models (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON experiments (workspace, creation_time);
CREATE INDEX idx_evaluation_datasets_workspace ON evaluation_datasets (workspace);
CREATE INDEX idx_webhooks_workspace ON webhooks (workspace);
CREATE INDEX idx_secrets_workspace ON secrets (workspace);
CREATE INDEX idx_endpoints_workspace ON endpoints (workspace);
CREATE INDEX idx_model_definitions_workspace ON model_definitions (workspace);
CREATE INDEX idx_budget_policies_workspace ON budget_policies (workspace);
CREATE INDEX index_issues_experiment_id ON issues (experiment_id);
CREATE INDEX index_issues_source_run_id ON issues (source_run_id);
CREATE INDEX index_issues_status ON issues (status);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE INDEX idx_guardrails_workspace ON guardrails (workspace);
CREATE INDEX idx_guardrails_scorer ON guardrails (scorer_id, scorer_version);
CREATE INDEX idx_guardrail_configs_endpoint_id ON guardrail_configs (endpoint_id);
CREATE INDEX idx_guardrail_configs_guardrail_id ON guardrail_configs (guardrail_id);
CREATE INDEX idx_model_version_tags_workspace_name_version ON model_version_tags (workspace, name, version);
CREATE INDEX idx_registered_model_tags_workspace_name ON registered_model_tags (workspace, name);
CREATE INDEX index_label_schemas_experiment_id ON label_schemas (experiment_id);
CREATE INDEX index_review_queues_experiment_id ON review_queues (experiment_id);
CREATE INDEX index_review_queue_users_user_id ON review_queue_users (user_id);
CREATE INDEX index_review_queue_items_queue_id_status ON review_queue_items (queue_id, status);
CREATE INDEX index_review_queue_items_item_id ON review_queue_items (item_id);
CREATE INDEX index_review_queue_label_schemas_schema_id ON review_queue_label_schemas (schema_id);
CREATE INDEX idx_mcp_server_versions_latest ON mcp_server_versions (workspace, name, status, version_major DESC, version_minor DESC, version_patch DESC);
CREATE INDEX ix_mcp_access_endpoints_server_name ON mcp_access_endpoints (workspace, server_name);
CREATE INDEX ix_mcp_access_endpoints_version ON mcp_access_endpoints (workspace, server_name, server_version);
CREATE INDEX ix_mcp_access_endpoints_alias ON mcp_access_endpoints (workspace, server_name, server_alias);
CREATE INDEX idx_budget_policies_target_value ON budget_policies (target_value);
CREATE INDEX index_trace_info_experiment_id_timestamp_ms ON trace_info (experiment_id, timestamp_ms);
CREATE INDEX index_trace_info_timestamp_ms_request_id ON trace_info (timestamp_ms, request_id);
CREATE INDEX index_assessments_last_updated_timestamp ON assessments (last_updated_timestamp);
CREATE INDEX index_assessments_run_id_created_timestamp ON assessments (run_id, created_timestamp);
CREATE INDEX index_assessments_assessment_type ON assessments (assessment_type);
CREATE INDEX index_assessments_trace_id_created_timestamp ON assessments (trace_id, created_timestamp);
CREATE INDEX index_spans_experiment_id_start_time ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX index_spans_experiment_id_status_type ON spans (experiment_id, status, type);
CREATE INDEX index_spans_experiment_id_duration ON spans (experiment_id, duration_ns);
CREATE INDEX index_spans_experiment_id_type_status ON spans (experiment_id, type, status);
CREATE INDEX index_trace_info_experiment_id_session_id ON trace_info (experiment_id, session_id);
CREATE INDEX idx_trace_rollups_lookup ON sql_trace_metric_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, trace_status);
CREATE INDEX idx_span_cost_rollups_lookup ON sql_span_cost_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, model_name, model_provider);
CREATE INDEX idx_assessment_rollups_lookup ON sql_assessment_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set);
CREATE INDEX idx_spans_cost_trace_time_cover ON spans (trace_id, start_time_unix_nano);
CREATE INDEX idx_spans_cost_exp_time_cover ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX idx_assessments_exp_trace_ts ON assessments (experiment_id, trace_timestamp_ms);
CREATE INDEX idx_assessments_exp_trace_ts_name ON assessments (experiment_id, trace_timestamp_ms, name);
CREATE INDEX idx_assessments_exp_name_valid ON assessments (experiment_id, name, valid);
CREATE INDEX index_job_locks_job_id ON job_locks (job_id);
CREATE INDEX index_jobs_status_lease_expires_at ON jobs (status, lease_expires_at);
COMMIT;
