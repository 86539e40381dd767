/* Memory that ends. */
#ifndef TESTS_SUPPORT_SCARCE_H
#define TESTS_SUPPORT_SCARCE_H

/* Lets the library have `blocks` more blocks of memory, and none after them. */
void scarce_begin(int blocks);
/* Gives it the system's memory again. */
void scarce_end(void);

#endif
