# SPDX-License-Identifier: BSD-3-Clause
#
# Short names for what the scripts do; nothing is decided here.
.PHONY: help demo test nightly figures build format clean

help:
	@echo "make demo      install what is missing, build, and ring five nodes on this machine (root)"
	@echo "make test      install what is missing, build, and run every test that gates a commit"
	@echo "make nightly   the same with fresh seeds, big groups and free fuzzing; takes long"
	@echo "make figures   measure the figures of docs/BENCHMARKS.md; ONLY=P2,P9 some of them"
	@echo "make build     build the programs and the tests into build/"
	@echo "make format    bring all C files into the one form"
	@echo "make clean     remove the build directories"

demo:
	@tools/dev/install-deps demo
	@tools/dev/build --quiet programs
	@tools/peal-demo

test:
	@tools/dev/install-deps
	@tools/dev/run-tests

nightly:
	@tools/dev/install-deps
	@tools/dev/run-tests --nightly

figures:
	@tools/dev/install-deps
	@tools/dev/build --quiet
	@tools/dev/figures $(ONLY)

build:
	@tools/dev/build

format:
	@tools/dev/format

clean:
	@tools/dev/build --clean
