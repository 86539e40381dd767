/* A file server on the loopback, for tests of what downloads:  file_server FOLDER
 * Prints its port and serves GET requests one after another until its standard input ends. A path under /cut/ is answered with
 * half of the file and a closed connection, one under /stall/ with half of the file and silence. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_all(int to, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = write(to, data, size);
        if (sent <= 0) return;
        data += sent, size -= (size_t)sent;
    }
}

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    if (data && fread(data, 1, *size, file) != *size) *size = 0;
    fclose(file);
    return data;
}

static int begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static void answer(int client, const char *folder) {
    char request[2048], path[4096], head[128], name[1024];
    ssize_t got = read(client, request, sizeof request - 1);
    if (got <= 0) return;
    request[got] = '\0';
    if (sscanf(request, "GET %1000s", name) != 1) return;
    int cut = begins(name, "/cut/"), stall = begins(name, "/stall/");
    snprintf(path, sizeof path, "%s/%s", folder, strrchr(name, '/') + 1);
    size_t size = 0;
    char *data = read_file(path, &size);
    if (!data) {
        static const char missing[] = "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        send_all(client, missing, sizeof missing - 1);
        return;
    }
    snprintf(head, sizeof head, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    send_all(client, head, strlen(head));
    send_all(client, data, cut || stall ? size / 2 : size);
    free(data);
    if (stall && read(client, request, sizeof request) > 0) return; /* waits until the client hangs up */
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN);
    if (argc != 2 || server < 0 || bind(server, (struct sockaddr *)&address, length) || listen(server, 8)
        || getsockname(server, (struct sockaddr *)&address, &length))
        return 1;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct pollfd wait[2] = {{.fd = server, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
        if (poll(wait, 2, -1) < 0 || wait[1].revents) return 0;
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        answer(client, argv[1]);
        close(client);
    }
}
