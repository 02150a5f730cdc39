/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Runs a fuzz target once over every file of the folders given, so that an ordinary build repeats
 * what the fuzzer found earlier. An empty corpus is a failure: it would prove nothing.
 *
 * Each input is copied to the end of an allocation of exactly its size, where a read behind it is
 * seen by the address sanitizer.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PEAL_REPLAY_PATH_SIZE_MAX  4096U
#define PEAL_REPLAY_INPUT_SIZE_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns 0, or 1 when the file could not be read whole. */
static int
replay_file(const char *path)
{
	struct stat info;
	if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
		return 0;
	}
	if ((uintmax_t)info.st_size > PEAL_REPLAY_INPUT_SIZE_MAX) {
		fprintf(stderr, "replay: %s is larger than 1 MiB\n", path);
		return 1;
	}

	size_t size = (size_t)info.st_size;
	uint8_t *data = malloc(size == 0 ? 1 : size);
	FILE *file = fopen(path, "rb");
	int failed = data == NULL || file == NULL || fread(data, 1, size, file) != size;
	if (failed) {
		fprintf(stderr, "replay: cannot read %s\n", path);
	} else {
		LLVMFuzzerTestOneInput(data, size);
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	free(data);
	return failed;
}

/* Returns how many inputs were run, or -1 when one could not be. */
static long
replay_folder(const char *folder)
{
	struct dirent **entries = NULL;
	int entries_count = scandir(folder, &entries, NULL, alphasort);
	if (entries_count < 0) {
		fprintf(stderr, "replay: cannot open the corpus folder %s\n", folder);
		return -1;
	}

	long replayed_count = 0;
	int failed = 0;
	for (int i = 0; i < entries_count; i++) {
		char path[PEAL_REPLAY_PATH_SIZE_MAX];
		int size = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			if (size < 0 || (size_t)size >= sizeof(path)) {
				fprintf(stderr, "replay: path too long in %s\n", folder);
				failed = 1;
			} else {
				failed |= replay_file(path);
				replayed_count++;
			}
		}
		free(entries[i]);
	}
	free(entries);
	return failed ? -1 : replayed_count;
}

int
main(int argc, char **argv)
{
	long replayed_count = 0;
	for (int i = 1; i < argc; i++) {
		long count = replay_folder(argv[i]);
		if (count < 0) {
			return 1;
		}
		replayed_count += count;
	}

	printf("%ld inputs replayed\n", replayed_count);
	if (replayed_count == 0) {
		fprintf(stderr,
			"replay: the corpus is empty; give folders with at least one input\n");
		return 1;
	}
	return 0;
}
