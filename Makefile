# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The door to everything that is done in a checkout. The work stands in tests/ci/stages, one small file per stage.
SHELL := bash
.DEFAULT_GOAL := help
RUN := tests/ci/run

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

.PHONY: venv
venv: ## make the virtual environments .venv and .venv-newest
	@$(RUN) packages venv

.PHONY: lint
lint: ## static checks
	@$(RUN) packages venv lint

.PHONY: unit
unit: ## unit tests: no root, no kernel
	@$(RUN) packages venv unit

.PHONY: sanity
sanity: ## ansible-test sanity on the oldest and the newest ansible-core
	@$(RUN) packages venv sanity

.PHONY: kernel
kernel: ## module tests on a real kernel with IPVS (a User-Mode Linux machine)
	@$(RUN) packages venv kernel

.PHONY: netns
netns: ## module tests on this machine's own kernel, in network namespaces (root)
	@$(RUN) packages venv netns

.PHONY: containers
containers: ## the roles in containers on this machine's own kernel, as far as it needs no IPVS (root)
	@$(RUN) packages venv containers

.PHONY: build
build: ## build the collection into build/, install the tarball and read it from there
	@$(RUN) packages venv build

.PHONY: test
test: ## everything that CI runs
	@$(RUN) packages venv lint build -- unit sanity netns containers:containers-debian13 kernel lab -- cluster molecule:tunnel,ftp

.PHONY: examples
examples: ## every example in the lab, and what else is longer than CI has time for (root)
	@$(RUN) packages venv build -- molecule:direct,sites -- molecule:two-networks,tunnel,nat-one-arm,arp -- containers:containers-debian12 gateway cluster:test_drain.py,test_faults.py,test_connections.py,test_engines.py,test_no_checks.py,test_leaving.py,test_turned.py

.PHONY: matrix
matrix: ## make the table of docs/real_servers.md from the marks of the tests
	@.venv/bin/python tests/matrix/matrix.py

.PHONY: demo
demo: ## build a cluster in the lab, show it, cut the power of its director (root)
	@tests/ci/packages && tests/ci/venv .venv tests/requirements.txt 3.11 3.12 3.13
	@PATH="$$PWD/.venv/bin:$$PATH" python tests/demo/demo.py

.PHONY: lab-up
lab-up: ## boot the lab's machines and leave them standing (root)
	@tests/ci/packages && tests/ci/venv .venv tests/requirements.txt 3.11 3.12 3.13
	@tests/lab/lab up direct
	@printf '%s\n' 'Log in:        tests/lab/lab ssh lb1' \
		'For Ansible:   eval "$$(tests/lab/lab env)"; .venv/bin/ansible-playbook -i examples/direct-pair/inventory.yml site.yml' \
		'Take it down:  make lab-down'

.PHONY: lab-down
lab-down: ## take the lab's machines down
	@tests/lab/lab down

.PHONY: bench
bench: ## print the figures
	@$(RUN) packages venv bench

.PHONY: changelog
changelog: ## write the coming release's entries from changelogs/fragments into CHANGELOG.md
	@PATH="$$PWD/.venv/bin:$$PATH" antsibull-changelog release --update-existing --reload-plugins --refresh

.PHONY: clean
clean: ## remove everything that was made here
	rm -rf .cache build .venv .venv-newest .mypy_cache .pytest_cache .ruff_cache .ansible tests/output
