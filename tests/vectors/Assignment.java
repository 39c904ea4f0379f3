// Positions and variants as docs/experiments.md specifies them. Reads lines "salt TAB unit TAB weights", in base64 the
// first two, and prints "numerator TAB variant" for each: Java has no JSON of its own, so the test compares.
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.Scanner;

class Assignment {
  static double position(String salt, String unit) throws Exception {
    byte[] data = (salt + ":" + unit).getBytes(StandardCharsets.UTF_8);
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(data);
    return (ByteBuffer.wrap(digest).getLong() >>> 11) / (double) (1L << 53);
  }

  static int variant(double place, double[] weights) {
    double bound = 0;
    for (int i = 0; i < weights.length; i++) {
      bound += weights[i];
      if (place < bound) return i;
    }
    return weights.length - 1;
  }

  static String text(String base64) {
    return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
  }

  public static void main(String[] arguments) throws Exception {
    Scanner lines = new Scanner(System.in, StandardCharsets.UTF_8);
    while (lines.hasNextLine()) {
      String[] fields = lines.nextLine().split("\t");
      double place = position(text(fields[0]), text(fields[1]));
      double[] weights = Arrays.stream(fields[2].split(",")).mapToDouble(Double::parseDouble).toArray();
      System.out.println((long) (place * (1L << 53)) + "\t" + variant(place, weights));
    }
  }
}
