/* A restricted unpickler: the 34 opcodes and the closed list of names that state dicts of PyTorch use. It imports nothing and calls
 * nothing; a pickle that names anything else is refused. Values live in an arena; texts stay in the file. */
#ifndef GCAM_IO_PICKLE_H
#define GCAM_IO_PICKLE_H

#include "io/bytes.h"
#include "io/pickle_value.h"

/* Turns a persistent id into a value (a storage or a tensor). */
typedef gcam_status (*gcam__pickle_persist_fn)(void *context, const gcam__pickle_value *id, gcam__pickle_value *out);

/* Reads one pickle from the cursor, which then stands behind its STOP. `persist` may be NULL: then ids are refused.
 * Errors: FORMAT, UNSUPPORTED (opcodes, names), LIMIT, NOMEM, with the offset. */
gcam_status gcam__pickle_read(gcam__pickle_value *out, gcam__cursor *cursor, gcam__arena *arena,
                              gcam__pickle_persist_fn persist, void *context);

#endif
