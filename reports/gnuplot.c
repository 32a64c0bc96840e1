#include "reports/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHELL_NOT_FOUND = 127 }; /* how posix_spawn's child reports a program that cannot be executed */

/* Files in memory stand for the child's three streams, so that no pipe can fill while the other end waits. */
static int memory_file(const char *name) {
    return memfd_create(name, MFD_CLOEXEC);
}

static status write_script(int file, const char *script, size_t bytes, error *err) {
    while (bytes > 0) {
        ssize_t written = write(file, script, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_set(err, STATUS_ENVIRONMENT, "cannot pass a plot to gnuplot: %s", strerror(errno));
        script += written;
        bytes -= (size_t)written;
    }
    lseek(file, 0, SEEK_SET);
    return STATUS_OK;
}

static char *read_all(int file) {
    struct stat info;
    size_t size = fstat(file, &info) == 0 ? (size_t)info.st_size : 0, used = 0;
    char *text = malloc(size + 1);
    if (!text)
        abort();
    while (used < size) {
        ssize_t got = pread(file, text + used, size - used, (off_t)used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    text[used] = '\0';
    return text;
}

/* Returns errno of the spawn, or 0 and the child's exit code. */
static int spawn_and_wait(int input, int output, int messages, int *exit_code) {
    char *const arguments[] = {"gnuplot", "--default-settings", "-", NULL};
    /* A fixed locale keeps the decimal point; the script states its own encoding. */
    char path[4096 + 8] = "PATH=/usr/local/bin:/usr/bin:/bin";
    const char *user_path = getenv("PATH");
    if (user_path && strlen(user_path) < sizeof path - 6)
        strcpy(stpcpy(path, "PATH="), user_path);
    char *const environment[] = {path, "LC_ALL=C.UTF-8", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
    pid_t child;
    int failure = posix_spawnp(&child, "gnuplot", &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0)
        return failure;
    int state = 0;
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return errno;
    *exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    return 0;
}

static status run_with(int input, int output, int messages, char **text, error *err) {
    int exit_code = 0;
    int failure = spawn_and_wait(input, output, messages, &exit_code);
    if (failure == ENOENT || exit_code == SHELL_NOT_FOUND)
        return error_set(err, STATUS_ENVIRONMENT, "gnuplot is not installed: apt-get install gnuplot-nox");
    if (failure != 0)
        return error_set(err, STATUS_ENVIRONMENT, "gnuplot cannot be started: %s", strerror(failure));
    if (exit_code != 0) {
        char *said = read_all(messages);
        status result = error_set(err, STATUS_ENVIRONMENT, "gnuplot failed: %s", said);
        free(said);
        return result;
    }
    *text = read_all(output);
    return STATUS_OK;
}

status gnuplot_run(const char *script, size_t script_bytes, char **output, error *err) {
    *output = NULL;
    int input = memory_file("script"), printed = memory_file("plot"), messages = memory_file("messages");
    status result;
    if (input < 0 || printed < 0 || messages < 0)
        result = error_set(err, STATUS_ENVIRONMENT, "cannot pass a plot to gnuplot: %s", strerror(errno));
    else
        result = write_script(input, script, script_bytes, err);
    if (result == STATUS_OK)
        result = run_with(input, printed, messages, output, err);
    const int files[] = {input, printed, messages};
    for (int i = 0; i < 3; i++)
        if (files[i] >= 0)
            close(files[i]);
    return result;
}
