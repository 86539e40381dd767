# Draws the log of a training run (FILE.tsv beside the model) as SVG: loss and share of photos right, epoch by epoch.
#
#   awk -f tools/train/curve.awk model.safetensors.tsv > curve.svg
BEGIN {
    FS = "\t"
    WIDTH = 420; HEIGHT = 260; LEFT = 52; TOP = 34; GAP = 70
    blue = "#2166ac"; orange = "#c4651a"
}
NR > 1 { n++; epoch[n] = $1; size[n] = $2; loss[n] = $4; right[n] = 100 * $5; val_loss[n] = $6; val_right[n] = 100 * $7 }

function x_of(e) { return x0 + (e - 1) * WIDTH / (n > 1 ? epoch[n] - 1 : 1) }
function y_of(v) { return TOP + HEIGHT - (v - low) * HEIGHT / (high - low) }

function curve(values, colour, i, path) {
    for (i = 1; i <= n; i++) path = path sprintf("%s%.1f,%.1f", i > 1 ? " " : "", x_of(epoch[i]), y_of(values[i]))
    printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path, colour
}

# Axes with a line at every `step`, and where crops grew a dotted one.
function axes(title, step, v, i, s) {
    printf "<text x=\"%d\" y=\"%d\" class=\"title\">%s</text>\n", x0, TOP - 14, title
    for (v = low; v <= high + step / 100; v += step) {
        printf "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x0, y_of(v), x0 + WIDTH, y_of(v)
        printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", x0 - 6, y_of(v) + 4, v
    }
    s = n > 12 ? 5 : n > 6 ? 2 : 1
    for (i = 1; i <= epoch[n]; i++) if (i == 1 || i % s == 0)
        printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", x_of(i), TOP + HEIGHT + 16, i
    printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">epoch</text>\n", x0 + WIDTH / 2, TOP + HEIGHT + 34
    for (i = 2; i <= n; i++) if (size[i] != size[i - 1]) {
        printf "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#999\" stroke-dasharray=\"2 4\"/>\n", \
            x_of(epoch[i]), TOP, x_of(epoch[i]), TOP + HEIGHT
        printf "<text x=\"%.1f\" y=\"%d\" fill=\"#777\">%d px</text>\n", x_of(epoch[i]) + 4, TOP + 12, size[i]
    }
    if (n) printf "<text x=\"%.1f\" y=\"%d\" fill=\"#777\">%d px</text>\n", x0 + 4, TOP + 12, size[1]
}

function legend(y, colour, text) {
    printf "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"2\"/>\n", x0 + WIDTH - 128, y - 4, x0 + WIDTH - 104, y - 4, colour
    printf "<text x=\"%d\" y=\"%d\">%s</text>\n", x0 + WIDTH - 98, y, text
}

function extent(a, b, i) {
    low = high = a[1]
    for (i = 1; i <= n; i++) {
        if (a[i] < low) low = a[i]
        if (b[i] < low) low = b[i]
        if (a[i] > high) high = a[i]
        if (b[i] > high) high = b[i]
    }
}

END {
    if (!n) { print "curve.awk: the log has no epochs" > "/dev/stderr"; exit 1 }
    width = 2 * (LEFT + WIDTH) + GAP
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n", width, TOP + HEIGHT + 48
    print "<style>.title { font-size: 14px; font-weight: bold }</style>"
    printf "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", width, TOP + HEIGHT + 48
    x0 = LEFT
    extent(loss, val_loss)
    low = int(low * 5) / 5; high = int(high * 5 + 1) / 5
    axes("loss", 0.2)
    curve(loss, blue); curve(val_loss, orange)
    legend(TOP + 34, blue, "training"); legend(TOP + 52, orange, "validation")
    x0 = LEFT + WIDTH + GAP
    extent(right, val_right)
    low = int(low / 10) * 10; high = int(high / 10 + 1) * 10
    axes("photos right, %", 10)
    curve(right, blue); curve(val_right, orange)
    legend(TOP + HEIGHT - 30, blue, "training"); legend(TOP + HEIGHT - 12, orange, "validation")
    print "</svg>"
}
