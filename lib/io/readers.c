/* Says which libraries decode pictures in this build. */
#include "gradcam/io.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

#ifdef GCAM_WITH_JPEG
#include <jconfig.h>
#endif

#if defined(GCAM_WITH_JPEG) && defined(LIBJPEG_TURBO_VERSION)
#define READERS "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION) " (JPEG), stb_image (PNG), own reader (BMP)"
#elif defined(GCAM_WITH_JPEG)
#define READERS "libjpeg (JPEG), stb_image (PNG), own reader (BMP)"
#else
#define READERS "stb_image (baseline JPEG, PNG), own reader (BMP)"
#endif

const char *gcam_image_readers(void) {
    return READERS;
}
