/* Runs a program and prints, after it, its wall time and the most memory it held: run_measured PROGRAM [ARGUMENT...]
 * The program's own standard output is dropped. Exits as the program did. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: run_measured PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    double start_s = now_s();
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDOUT_FILENO);
        execvp(argv[1], argv + 1);
        fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
        _exit(127);
    }
    struct rusage used;
    int state;
    if (child < 0 || wait4(child, &state, 0, &used) < 0) {
        perror("run_measured");
        return 3;
    }
    /* ru_maxrss is in kibibytes. */
    printf("%.3f %.1f\n", now_s() - start_s, (double)used.ru_maxrss * 1024 / 1e6);
    return WIFEXITED(state) ? WEXITSTATUS(state) : 1;
}
