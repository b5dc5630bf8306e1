SELECT
    i.style,
    i.stock_id,
    i.code,
    i.description,
    i.long_text,
    i.category,
    i.barcode,
    i.price_incl,
    i.mass_kg,
    i.web_status,
    COALESCE((SELECT SUM(s.on_hand) FROM stock AS s WHERE s.stock_id = i.stock_id), 0)
    - COALESCE((SELECT SUM(l.qty) FROM sales_order_line AS l WHERE l.item_code = i.code), 0) AS available
FROM item AS i
ORDER BY i.stock_id
