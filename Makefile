# radraft: everything a newcomer runs. `make demo` and `make test` need nothing but a clone.

PYTHON ?= python3
VENV := .venv
VLLM_VENV := .venv-vllm
RADEVAL_VENV := .venv-radeval
BIN := $(VENV)/bin
# The demo's patients are made up; its data stays in the checkout.
DEMO_DATA ?= $(CURDIR)/.radraft
GPU := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | head -n 1)
VLLM_REQUIREMENTS := requirements/$(if $(GPU),vllm-gpu.txt,vllm-cpu.txt)
DATA ?= ../shared/data
RUN ?= .radraft/starter
# Which edition is measured: starter or starter2.
STARTER ?= starter
# Memory is kept between steps instead of being given back and faulted in again (docs/training.md).
KEEP_MEMORY := GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8589934592:glibc.malloc.hugetlb=1
TRAIN := $(KEEP_MEMORY) $(BIN)/radraft train
# Two worker processes; tests/conftest.py says which tests share one.
# Rewritten assertions are kept: rewriting them takes as long as a third of the unit tests.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n 2 --dist loadscope
UNIT := not vllm and not browser and not postgres and not pacs and not slow and not stress

.PHONY: bench-backfill bench-checks bench-department bench-desk bench-editions bench-findings bench-forms bench-intake bench-outbox bench-replicas bench-similar bench-studies bench-workers help demo test unit stress pages check lint format install vllm radeval system-demo system-test system-bench web \
	starter starter-words starter-eval checkpoint bench bench-adapt bench-training bench-eval bench-gpu flywheel-demo fuzz docs clean

help:
	@echo "make demo    install all, draft the demo studies, open http://127.0.0.1:7860"
	@echo "make test    install all, run ruff, mypy and the tests (real vLLM, browser, PostgreSQL, PACS)"
	@echo "make unit    tests without model, browser or database server, in seconds"
	@echo "make stress  what make test has no time for: dear tests, load, kills, all examples"
	@echo "make lint    ruff, mypy and the order of the rooms alone"
	@echo "make web     bundle the workstation's TypeScript (ui/web) into ui/bundles; needs node"
	@echo "make pages   every test in Chromium"
	@echo "make bench   measure drafting, embedding and start-up on this machine"
	@echo "make bench-editions   both editions of the starter in turns, on two vLLMs (12 GB of memory)"
	@echo "make bench-adapt   measure radraft adapt on 300 signed reports (DATA=folder)"
	@echo "make bench-training   samples/s of our training loop over plain peft and Trainer, memory of both (TRAINING=case)"
	@echo "make bench-gpu   ten minutes on a machine with a CUDA GPU, offline; installs nothing (OUT=folder)"
	@echo "make bench-forms   200 signed reports in every form, against every checker and read back"
	@echo "make bench-intake   storescu into the listener and into Orthanc, images a second of both"
	@echo "make bench-outbox   signed reports to a PACS, a RIS and a HIS: first byte, reports a minute (OUTBOX=--database sqlite)"
	@echo "make bench-replicas   seconds of a promotion and a roll-back over three vLLMs (stubs), one of them hanging"
	@echo "make bench-backfill   p95 of a reader's pages with a backfill (stub model) and without, in turns, on PostgreSQL"
	@echo "make bench-studies   time of quality, de-identification and priors"
	@echo "make bench-department   a worklist of STUDIES=1000000 on SQLite and PostgreSQL: pages, search, open, save, sign"
	@echo "make bench-desk   the reading desk in Chromium: next study, first image, next slice, memory (DESK=--against REVISION)"
	@echo "make bench-findings   finding reader, critical values, two languages: sentences unseen until scored"
	@echo "make bench-checks   recall and false warnings of the proofreader on planted errors (DATA=folder)"
	@echo "make bench-workers   drafts a second with one, two and three draft workers on one PostgreSQL"
	@echo "make fuzz    10,000 mutated files through radraft study check: nothing may die, hang or swell"
	@echo "make bench-eval   measure the metrics against pycocoevalcap on this machine (needs Java)"
	@echo "make starter      train the starter model from raw data (DATA=folder; hours)"
	@echo "make starter-words   teach the shipped encoder's language model to say less (DATA=folder; half an hour)"
	@echo "make starter-eval   measure the starter and write its model card (STARTER=starter2 for the second edition)"
	@echo "make flywheel-demo  sign, adapt, gate, promote at two sites with a simulated reader (DATA=folder; two hours, 20 GB of memory)"
	@echo "make radeval      RadEval's model-based metrics in an environment of their own (6.5 GB)"

demo: system-demo install vllm
	RADRAFT_PROFILE="$${RADRAFT_PROFILE:-starter2}" RADRAFT_DATA_DIR="$(DEMO_DATA)" $(BIN)/radraft demo demo/studies

test: system-test install vllm checkpoint
	$(PYTEST) --durations=15

unit: install
	$(PYTEST) -m "$(UNIT)" --ignore tests/integration --ignore tests/stress

# Two hours. Before anything that it covers is called resolved.
stress: system-test install vllm checkpoint
	RADRAFT_TEST_SCALE=full $(PYTEST) -m "stress or scaled or hypothesis" --timeout 1800 --durations=15

# Every test in a browser, those of `make stress` too.
pages: system-test install
	$(PYTEST) -m browser tests/ui --durations=15

check: test

# `make test` has these as tests, so that they run beside the others.
lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Needs node and npm; what it makes is committed, so nothing else does.
web:
	cd ui/web && npm ci --ignore-scripts && npx tsc --noEmit && node build.mjs

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

checkpoint: install
	$(BIN)/radraft starter build --edition 1

# Makes the shipped weights anew from raw data; a killed run goes on where it was.
starter: install
	$(TRAIN) encoder --data $(DATA) --out $(RUN)/encoder
	$(TRAIN) pairs --data $(DATA) --encoder $(RUN)/encoder/export --out $(RUN)/pairs
	$(TRAIN) language --pairs $(RUN)/pairs --encoder $(RUN)/encoder/export --out $(RUN)/language
	cp $(RUN)/encoder/export/*.safetensors vision_encoder/trained/
	cp $(RUN)/language/lora.safetensors $(RUN)/language/lora.json $(RUN)/language/projector.safetensors llm/starter/
	$(BIN)/python -m radraft.bench.pin_starter --write

# The shipped encoder, and a language model that says only what is precise enough (docs/training.md).
# Its files stay in RUN; a killed run goes on where it was.
starter-words: install
	$(TRAIN) pairs --data $(DATA) --points precision --out $(RUN)/words/pairs
	$(TRAIN) language --pairs $(RUN)/words/pairs --out $(RUN)/words/language

starter-eval: install vllm checkpoint
	$(BIN)/python -m radraft.bench.starter_eval --profile $(STARTER) --data $(DATA)

# The whole loop on real films; a killed run goes on where it was.
flywheel-demo: install vllm checkpoint
	$(KEEP_MEMORY) $(BIN)/python -m radraft.bench.flywheel_demo --data $(DATA) $(FLYWHEEL)

bench: install vllm checkpoint
	$(BIN)/python -m radraft.bench.drafting

# Both editions of the starter, on two vLLMs at once.
bench-editions: install vllm checkpoint
	$(BIN)/python -m radraft.bench.editions

bench-adapt: install checkpoint
	$(KEEP_MEMORY) $(BIN)/python -m radraft.bench.adapt --data $(DATA)

bench-training: install checkpoint
	$(KEEP_MEMORY) $(BIN)/python -W ignore -m radraft.bench.training_speed $(TRAINING)

# A million vectors: an hour on a busy machine. SIMILAR="--vectors 100000" for less.
bench-similar: install
	$(BIN)/python -m radraft.bench.similar_cases --data $(DATA) $(SIMILAR)

# Installs nothing: PYTHON and VLLM_PYTHON name what is there (docs/performance.md).
bench-gpu:
	PYTHON="$(if $(filter file,$(origin PYTHON)),,$(PYTHON))" bench/gpu.sh

# FUZZ="--files 1000 --seed 7 --jobs 1" for another run; a seed gives the same file always.
fuzz: install
	$(BIN)/python -m radraft.bench.fuzz $(FUZZ)

bench-eval: system-bench install
	$(BIN)/python -m radraft.bench.metrics

bench-replicas: install
	$(BIN)/python -m radraft.bench.replicas

bench-backfill: install
	$(BIN)/python -m radraft.bench.backfill_readers

# Milliseconds an image or a study: quality, de-identification, priors.
bench-studies: install
	$(BIN)/python -m radraft.bench.quality_figures --time --data $(DATA)
	$(BIN)/python -m radraft.bench.deid_recall
	$(BIN)/python -m radraft.bench.priors

# The sentences that were unseen until they were scored; all are spent now (bench/unseen).
bench-findings: install
	$(BIN)/python -m radraft.bench.finding_sentences bench/unseen/third/sentences_en.jsonl bench/unseen/third/sentences_zh.jsonl
	$(BIN)/python -m radraft.bench.critical bench/unseen/second/critical.jsonl
	$(BIN)/python -m radraft.bench.contradictions bench/unseen/third/contradictions.jsonl

# What is planted holds report text and stays outside the repository (docs/checks.md).
PLANTED := .radraft/planted
bench-checks: install
	$(BIN)/python -m radraft.bench.planted_errors.plant --data $(DATA) --out $(PLANTED)
	$(BIN)/python -m radraft.bench.checks --data $(PLANTED)

# An hour on two cores: PixelMed's checker takes seconds a report and comes last (FORMS="--only FHIR").
bench-forms: install
	$(BIN)/python -m radraft.bench.forms $(FORMS)

# dcmtk's storescu into our listener and into Orthanc, in turns.
bench-intake: system-bench install
	$(BIN)/python -W ignore -m radraft.bench.intake

# Ten minutes on a quiet machine. OUTBOX="--reports 200 --rounds 2" for less.
bench-outbox: system-bench install
	$(BIN)/python -W ignore -m radraft.bench.outbox $(OUTBOX)
	$(BIN)/python -W ignore -m radraft.bench.outbox_queue

# Real processes, a stub in place of vLLM.
bench-workers: install
	$(BIN)/python -m radraft.bench.workers

# A million studies need 6 GB of disk for each database, and a quarter of an hour.
STUDIES ?= 1000000
bench-department: install
	$(BIN)/python -m radraft.bench.department --studies $(STUDIES) $(DEPARTMENT)

bench-desk: install
	$(BIN)/python -m radraft.bench.desk $(DESK)

install: $(VENV)/.installed
radeval: $(RADEVAL_VENV)/.installed
vllm: $(VLLM_VENV)/.installed

$(VENV)/.installed: pyproject.toml packaging/torchvision_ops/pyproject.toml packaging/torchvision_ops/radraft_torchvision_ops.py
	@echo "== Installing radraft and what it needs into $(VENV) (about 3 minutes, 2.5 GB)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check ./packaging/torchvision_ops -e '.[app,embed,train,eval,dev]'
	@touch $@

$(VLLM_VENV)/.installed: $(VLLM_REQUIREMENTS) packaging/torchvision_ops/radraft_torchvision_ops.py
	@echo "== Installing vLLM into $(VLLM_VENV), a virtual environment of its own (about 3 minutes, 4 GB)"
	test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --disable-pip-version-check ./packaging/torchvision_ops -r $(VLLM_REQUIREMENTS)
	@# Audio is not used, and PyPI's builds of these two need CUDA: without it vLLM would not start.
	$(if $(GPU),,$(VLLM_VENV)/bin/python -m pip uninstall -q -y torchaudio torchcodec)
	@touch $@

$(RADEVAL_VENV)/.installed: requirements/radeval.txt
	@echo "== Installing RadEval into $(RADEVAL_VENV), a virtual environment of its own (6.5 GB)"
	test -x $(RADEVAL_VENV)/bin/python || $(PYTHON) -m venv $(RADEVAL_VENV)
	$(RADEVAL_VENV)/bin/python -m pip install --disable-pip-version-check -r requirements/radeval.txt
	@touch $@

system-demo:
	@packaging/system-packages.sh demo

system-test:
	@packaging/system-packages.sh test

system-bench:
	@packaging/system-packages.sh bench

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(RADEVAL_VENV) "$(DEMO_DATA)" build dist src/*.egg-info

docs: install
	$(BIN)/python -m typer radraft.cli.main utils docs --name radraft --output docs/cli.md
