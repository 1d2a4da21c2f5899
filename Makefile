# Everything happens in an environment inside the project; each target does only what is missing.
PYTHON ?= python3
# Without stored bytecode each process compiles PyTorch anew, for 4 seconds: some images of containers switch it off
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv-bench/.ready
NEEDED := -r requirements.txt -e '.[dev]'

.PHONY: book site test torture lab colab lint lock bench clean

book: $(READY)  ## run the quickstart, render the published runs, build the site
	$(BIN)/uncertlr book build

site: $(READY)  ## the book, and the site as one file to give away
	$(BIN)/uncertlr book build --zip

test: $(READY)  ## the tests that people run all day
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

torture: $(READY)  ## 200 kills at random moments, each run compared with its reference
	CI=true UNCERTLR_KILLS=200 $(BIN)/python -m pytest -q -s tests/faults/test_kills.py

lab: $(READY)  ## open working copies of the notebooks, in lab/, in JupyterLab; REFRESH=quickstart copies one anew, REFRESH=all all
	$(BIN)/uncertlr lab $(if $(REFRESH),--refresh $(REFRESH))

colab: $(READY)  ## write colab/, copies that install the package in Colab; needs uncertlr_repository in _config.yml
	$(BIN)/python -m uncertlr.book.colab

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/nbstripout --keep-id --verify notebooks/*.ipynb

lock: $(READY)  ## write down the environment's exact versions
	$(BIN)/pip freeze --exclude-editable > requirements-lock.txt

bench: $(READY) $(PEERS)  ## measure costs against hardware limits and other libraries; GROUPS="step signal" measures these anew
	$(BIN)/python -m benchmarks.costs $(GROUPS)

clean:
	rm -rf .venv .venv-bench book/executed book/_build book/_generated

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet uv || true
# uv takes a fifth of pip's time; pip where uv cannot be had, or fails, as with an index that only pip's settings name
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(NEEDED) || $(BIN)/python -m pip install --quiet $(NEEDED)
	touch $@

$(PEERS): $(READY) benchmarks/costs/requirements.txt
	$(BIN)/python -m benchmarks.costs.peers
	touch $@
