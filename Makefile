# What there is to do here: make help

.DEFAULT_GOAL := help
.PHONY: help run test check drill bench migration messages pictures

PYTHON := .venv/bin/python

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

run: ## install what is missing, then start web server and worker: http://127.0.0.1:8080
	@sh tools/setup.sh run
	@exec .venv/bin/crm run

test: ## install what is missing, then every test on SQLite, on PostgreSQL and in the browser (args="-k invoice")
	@sh tools/setup.sh test
	@exec $(PYTHON) tools/test.py $(args)

check: ## lint, format, types, import contracts, migrations, translations
	@sh tools/setup.sh check
	@exec $(PYTHON) tools/check.py

drill: ## the proofs at full size; writes dated tables into docs/
	@sh tools/setup.sh test
	@exec $(PYTHON) -m benchmarks.drill $(args)

bench: ## times and memory at 100,000 rows; writes docs/performance.md
	@sh tools/setup.sh test
	@exec $(PYTHON) -m benchmarks $(args)

migration: ## write the next migration from the models: make migration m="what it does"
	@sh tools/setup.sh check
	@exec $(PYTHON) tools/new_migration.py "$(m)"

messages: ## collect the texts of the source into the translation files and compile them
	@sh tools/setup.sh check
	@$(PYTHON) tools/messages.py extract
	@exec $(PYTHON) tools/messages.py compile

pictures: ## the pictures of README.md, taken from the demo company
	@sh tools/setup.sh test
	@exec $(PYTHON) tools/readme_pictures.py
