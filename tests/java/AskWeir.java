import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/** Asks Weir over ClickHouse's JDBC driver as any program does; prints one line a finding, its fields parted by tabs. */
public class AskWeir {
  public static void main(String[] arguments) throws Exception {
    Properties login = new Properties();
    login.setProperty("user", "anyone");
    login.setProperty("password", System.getenv("WEIR_TOKEN"));
    try (Connection weir = DriverManager.getConnection("jdbc:ch://" + System.getenv("WEIR_ADDRESS") + "/default", login)) {
      rows(weir);
      catalog(weir);
      refused(weir, "SELECT file('/etc/passwd')");
      refused(weir, "SELECT arrayJoin(range(1000000))");
      say("valid", weir.isValid(5));
    }
  }

  private static void rows(Connection weir) throws SQLException {
    String byRoute = "SELECT route, count() AS n, avg(latency_ms) AS mean FROM v_inference_responses"
        + " WHERE tenant = ? GROUP BY route ORDER BY route";
    try (PreparedStatement statement = weir.prepareStatement(byRoute)) {
      statement.setString(1, System.getenv("WEIR_TENANT"));
      say("columns", statement.getMetaData().getColumnCount());
      try (ResultSet found = statement.executeQuery()) {
        while (found.next()) {
          say("row", found.getString("route"), found.getLong("n"), found.getDouble("mean") >= 0);
        }
      }
    }
    String empty = "SELECT event_time FROM v_inference_responses WHERE tenant = 'nobody'";
    try (Statement statement = weir.createStatement(); ResultSet found = statement.executeQuery(empty)) {
      say("empty", !found.next(), found.getMetaData().getColumnName(1));
    }
  }

  private static void catalog(Connection weir) throws SQLException {
    try (ResultSet found = weir.getMetaData().getTables(null, "default", "%", null)) {
      while (found.next()) {
        say("table", found.getString("TABLE_NAME"));
      }
    }
    try (ResultSet found = weir.getMetaData().getColumns(null, "default", "v_spans", "start_time_us")) {
      while (found.next()) {
        say("column", found.getString("COLUMN_NAME"), found.getString("TYPE_NAME"), found.getString("REMARKS"));
      }
    }
  }

  private static void refused(Connection weir, String query) {
    try (Statement statement = weir.createStatement(); ResultSet found = statement.executeQuery(query)) {
      say("answered", query);
    } catch (SQLException refusal) {
      say("refused", refusal.getErrorCode());
    }
  }

  private static void say(Object... fields) {
    StringBuilder line = new StringBuilder();
    for (Object field : fields) {
      line.append(line.length() == 0 ? "" : "\t").append(field);
    }
    System.out.println(line);
  }
}
