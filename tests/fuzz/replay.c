/*
 * Runs a fuzz target over files, without a fuzzer: what `make test` does with the corpora, and how an input that `make fuzz`
 * has found is looked at in a debugger. A target that dislikes an input aborts, so the file is named before it is run.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0, got;
    char block[4096];

    if (!file) {
        perror(path);
        exit(2);
    }
    while ((got = fread(block, 1, sizeof(block), file)) > 0) {
        data = realloc(data, size + got);
        if (!data) {
            abort();
        }
        memcpy(data + size, block, got);
        size += got;
    }
    fclose(file);
    fprintf(stderr, "%s\n", path);
    /* Of exactly its size, so that ASan sees a read beyond it; never NULL, as libFuzzer's is not. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        abort();
    }
    if (size) {
        memcpy(exact, data, size);
    }
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

static int run_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char name[4096];
    int run = 0;

    if (!folder) {
        perror(path);
        exit(2);
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            run += run_file(name);
        }
    }
    closedir(folder);
    return run;
}

int main(int argc, char **argv)
{
    int i, run = 0;
    for (i = 1; i < argc; i++) {
        struct stat info;
        run += stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode) ? run_folder(argv[i]) : run_file(argv[i]);
    }
    printf("%d inputs\n", run);
    return run ? 0 : 2;
}
